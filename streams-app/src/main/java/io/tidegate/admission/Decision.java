package io.tidegate.admission;

/** The outcome of {@link Admission#admit}. */
public sealed interface Decision {
    /** The signal passes. A single instance: its sequence number is {@link TenantUsage#lastSeq()}. */
    record Accepted() implements Decision {
        static final Accepted INSTANCE = new Accepted();
    }

    /** The signal is rejected, and nothing but a counter changed. */
    record Rejected(QuotaExceeded quota) implements Decision {}
}
