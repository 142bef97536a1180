package io.tidegate.wal;

/** The bytes at a position are not a complete, valid batch. */
final class BadBatchException extends Exception {
    private static final long serialVersionUID = 1L;
    private final boolean reachesEnd;

    BadBatchException(String message, boolean reachesEnd) {
        super(message);
        this.reachesEnd = reachesEnd;
    }

    /** Whether the bad bytes are the last in the file, as an interrupted write leaves them. */
    boolean reachesEnd() {
        return reachesEnd;
    }
}
