package io.tidegate.wal;

/** Computes {@linkplain WalRecord#chainedCrc content checksums} with one reused buffer. Not thread-safe. */
final class ContentChecksum {
    private final ByteBuilder scratch = WalRecord.scratch();

    /** Returns the checksum up to this record, given the checksum up to the record before it. */
    int chained(WalRecord record, int previous) {
        return record.chainedCrc(previous, scratch);
    }
}
