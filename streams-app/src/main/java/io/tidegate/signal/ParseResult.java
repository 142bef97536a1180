package io.tidegate.signal;

/** The outcome of {@link SignalParser#parse}. Bad input is expected, so it is a value and not an exception. */
public sealed interface ParseResult {
    /** The value is a signal. */
    record Parsed(Signal signal) implements ParseResult {}

    /**
     * The value is not a signal.
     *
     * @param defect the kind of defect
     * @param message the field and the rule, for people; never the offending content
     */
    record Defective(Defect defect, String message) implements ParseResult {}
}
