/** The platform on Kafka Streams: how partitions are read, and what leans on the library's internals. */
@NullMarked
package io.tidegate.streams;

import org.jspecify.annotations.NullMarked;
