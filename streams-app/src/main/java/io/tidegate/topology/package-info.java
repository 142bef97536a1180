/**
 * Kafka Streams, and nothing else: how the stages are wired, what each does with a record, and where state is kept.
 * Start at {@link io.tidegate.topology.TidegateTopology}.
 */
@NullMarked
package io.tidegate.topology;

import org.jspecify.annotations.NullMarked;
