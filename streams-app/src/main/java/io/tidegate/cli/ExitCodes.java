package io.tidegate.cli;

import io.tidegate.wal.WalException;

/** The exit codes of the process. */
final class ExitCodes {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;

    /** Damage or a broken invariant was found. */
    static final int DAMAGE = 3;

    /** Nothing was changed, and changes are pending. */
    static final int PENDING = 4;

    private ExitCodes() {}

    static int of(WalException failure) {
        return failure.kind() == WalException.Kind.DAMAGE || failure.kind() == WalException.Kind.GAP ? DAMAGE : FAILED;
    }

    /** Prints a result. A reader that has closed the pipe, as after {@code | head}, does not hide a bad result. */
    static int afterPrinting(int result, Runnable printing) {
        try {
            printing.run();
        } catch (StandardOutput.OutputLost e) {
            if (result == OK) {
                throw e;
            }
        }
        return result;
    }
}
