/**
 * Each tenant's write-ahead log: segment files in Kafka's own record format.
 *
 * <p>Kafka is the source of truth and the files follow it: they contain the records of the topic {@code
 * signals-accepted}, appends are idempotent by sequence number, and a file can always be rebuilt. Start at {@link
 * io.tidegate.wal.Shard}; {@code docs/wal-format.md} draws the format. Only {@link io.tidegate.wal.RecordBatches} uses
 * Kafka's record classes. All files are accessed through {@link java.nio.file.Path}, so that tests can replace the file
 * system.
 */
@NullMarked
package io.tidegate.wal;

import org.jspecify.annotations.NullMarked;
