/** The metrics of an instance, in Prometheus' form. Start at {@link io.tidegate.metrics.InstanceMetrics}. */
@NullMarked
package io.tidegate.metrics;

import org.jspecify.annotations.NullMarked;
