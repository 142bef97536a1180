/** The platform on Kafka Streams: transactions, guards, commit hooks, alignment of partitions, and the life of an instance. All use of Kafka's internals. */
@NullMarked
package io.tidegate.streams;

import org.jspecify.annotations.NullMarked;
