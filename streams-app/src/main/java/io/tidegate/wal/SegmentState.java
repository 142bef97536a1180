package io.tidegate.wal;

import java.nio.ByteBuffer;

/**
 * The fill state of a segment: enough to continue appending without reading the segment again.
 *
 * @param firstSeq the segment's first sequence number, which names it
 * @param nextSeq the next sequence number
 * @param position the position of the next batch: the size of the file in bytes
 * @param ownBytes the records' own bytes so far, which decide when the segment is full
 * @param crc the content checksum so far
 * @param firstTimestampMs the time of the first record; -1 while there is none
 */
record SegmentState(long firstSeq, long nextSeq, long position, long ownBytes, int crc, long firstTimestampMs) {
    static final int BYTES = 5 * Long.BYTES + Integer.BYTES;

    static SegmentState empty(long firstSeq) {
        return new SegmentState(firstSeq, firstSeq, 0, 0, 0, -1);
    }

    SegmentState with(WalRecord record, int newCrc) {
        return new SegmentState(
                firstSeq,
                record.seq() + 1,
                position,
                ownBytes + record.ownBytes(),
                newCrc,
                firstTimestampMs < 0 ? record.timestampMs() : firstTimestampMs);
    }

    SegmentState at(long newPosition) {
        return new SegmentState(firstSeq, nextSeq, newPosition, ownBytes, crc, firstTimestampMs);
    }

    long records() {
        return nextSeq - firstSeq;
    }

    void write(ByteBuffer out) {
        out.putLong(firstSeq).putLong(nextSeq).putLong(position).putLong(ownBytes);
        out.putInt(crc).putLong(firstTimestampMs);
    }

    static SegmentState read(ByteBuffer in) {
        return new SegmentState(in.getLong(), in.getLong(), in.getLong(), in.getLong(), in.getInt(), in.getLong());
    }
}
