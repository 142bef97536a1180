/** What an instance measures, as Prometheus reads it. Start at {@link io.tidegate.metrics.InstanceMetrics}. */
@NullMarked
package io.tidegate.metrics;

import org.jspecify.annotations.NullMarked;
