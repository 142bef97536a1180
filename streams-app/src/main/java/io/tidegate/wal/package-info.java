/**
 * Where it goes: each tenant's write-ahead log as segment files in Kafka's own record format.
 *
 * <p>Kafka is the truth and the files follow it: they hold what the topic {@code signals-accepted} holds, appends are
 * idempotent by sequence number, and a file can always be rebuilt. Start at {@link io.tidegate.wal.Shard}; the format is
 * drawn in {@code docs/wal-format.md}. Kafka's record classes are used in {@link io.tidegate.wal.RecordBatches} alone.
 * All files are reached through {@link java.nio.file.Path}, so that a test can put another file system under it.
 */
@NullMarked
package io.tidegate.wal;

import org.jspecify.annotations.NullMarked;
