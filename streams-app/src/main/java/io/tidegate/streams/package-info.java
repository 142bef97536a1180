/**
 * The platform on Kafka Streams: transactions, guards, commit hooks, alignment of partitions, and the life cycle of an
 * instance. All use of Kafka's internals is here.
 */
@NullMarked
package io.tidegate.streams;

import org.jspecify.annotations.NullMarked;
