package io.tidegate.tenant;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import org.jspecify.annotations.Nullable;

/**
 * The limit of one value of {@code signal}, in addition to the tenant's own limits.
 *
 * @param maxSignalsPerSec token refill rate in signals per second (u32); 0 = reject all
 * @param burstSignals bucket size in signals (u32); null = 2 × rate
 */
@JsonPropertyOrder({"max_signals_per_sec", "burst_signals"})
public record SignalLimit(
        @JsonProperty("max_signals_per_sec") Long maxSignalsPerSec,
        @JsonProperty("burst_signals") @Nullable Long burstSignals) {
    @JsonCreator
    public SignalLimit {
        if (maxSignalsPerSec == null) {
            throw new IllegalArgumentException("max_signals_per_sec is missing; without a limit, leave the entry out");
        }
        check("max_signals_per_sec", maxSignalsPerSec);
        check("burst_signals", burstSignals);
    }

    private static void check(String field, @Nullable Long value) {
        if (value != null && (value < 0 || value > TenantConfig.U32_MAX)) {
            throw new IllegalArgumentException(
                    "%s = %s is outside 0 to %s".formatted(field, value, TenantConfig.U32_MAX));
        }
    }

    /** The bucket's size in signals: the given burst, or 2 × rate. */
    public long burst() {
        return burstSignals != null ? burstSignals : TenantConfig.BURST_SECONDS * maxSignalsPerSec;
    }
}
