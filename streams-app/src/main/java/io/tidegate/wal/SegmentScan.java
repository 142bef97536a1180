package io.tidegate.wal;

import org.jspecify.annotations.Nullable;

/**
 * The result of reading a segment to its end, or to the first bytes that are not a whole, right batch.
 *
 * @param state the state of the segment up to that place
 * @param bad the reason why the scan stopped before the end of the file; null if it did not
 */
record SegmentScan(SegmentState state, @Nullable BadBatchException bad) {}
