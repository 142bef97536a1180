package io.tidegate.cli;

/** What the process ends with. */
final class ExitCodes {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;

    /** Damage, or a broken invariant, was found. */
    static final int DAMAGE = 3;

    /** Nothing was changed, and there is something to change. */
    static final int PENDING = 4;

    private ExitCodes() {}

    /** Prints a result. A reader that is gone before the end, as after {@code | head}, does not hide a bad result. */
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
