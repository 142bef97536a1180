package io.tidegate.wal;

import org.jspecify.annotations.Nullable;

/**
 * The result of reading a segment to its end, or to the first incomplete or invalid batch.
 *
 * @param state the state of the segment up to that position
 * @param bad the reason why the scan stopped before the end of the file; null if it reached the end
 */
record SegmentScan(SegmentState state, @Nullable BadBatchException bad) {}
