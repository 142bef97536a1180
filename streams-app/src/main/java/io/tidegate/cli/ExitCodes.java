package io.tidegate.cli;

/** What the process ends with. */
final class ExitCodes {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;

    /** Damage, or a broken invariant, was found. */
    static final int DAMAGE = 3;

    private ExitCodes() {}
}
