package io.tidegate.wal;

/** Computes {@linkplain WalRecord#chainedCrc content checksums} with one reused buffer. Not thread-safe. */
final class ContentChecksum {
    private final ByteBuilder scratch = WalRecord.scratch();

    /** The checksum up to this record, from the one up to the record before. */
    int chained(WalRecord record, int previous) {
        return record.chainedCrc(previous, scratch);
    }
}
