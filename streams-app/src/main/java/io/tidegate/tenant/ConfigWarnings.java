package io.tidegate.tenant;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** Finds limits that are valid but have another effect than their name suggests. Pure. */
public final class ConfigWarnings {
    /**
     * A limit with an unexpected effect.
     *
     * @param id stable, for programs
     * @param field the config's field
     * @param message a description for people: the values and their effect
     */
    public record Warning(String id, String field, String message) {}

    private ConfigWarnings() {}

    /**
     * Returns the warnings about a config.
     *
     * @param segmentBytes the smallest size at which a WAL segment is sealed
     * @param nowMs the current time
     */
    public static List<Warning> of(TenantConfig config, long segmentBytes, long nowMs) {
        List<Warning> warnings = new ArrayList<>();
        burst(config, warnings);
        bytes(config, warnings);
        config.periods().forEach(limit -> period(limit, warnings));
        config.signals().forEach((type, limit) -> signal(config, type, limit, warnings));
        storage(config, segmentBytes, warnings);
        if (config.blockedUntil() != null && !config.isBlocked(nowMs)) {
            warnings.add(new Warning(
                    "block_is_over",
                    "blocked_until",
                    "blocked_until = %s is in the past, so the tenant is not blocked"
                            .formatted(config.blockedUntil())));
        }
        if (config.mode() == TenantConfig.Mode.OBSERVE
                && !config.requiredRegions().isEmpty()) {
            warnings.add(new Warning(
                    "regions_observed",
                    "required_regions",
                    "required_regions = %s is only observed: in observe mode, signals that cannot be forwarded are stored in the wrong"
                                    .formatted(String.join(", ", config.requiredRegions()))
                            + " region"));
        }
        return List.copyOf(warnings);
    }

    private static void burst(TenantConfig config, List<Warning> warnings) {
        Long rate = config.maxSignalsPerSec();
        Long burst = config.burstSignals();
        if (burst == null) {
            return;
        }
        if (rate == null) {
            warnings.add(new Warning(
                    "burst_without_rate",
                    "burst_signals",
                    "burst_signals = %d has no effect without a rate".formatted(burst)));
        } else if (burst == 0 && rate > 0) {
            warnings.add(new Warning(
                    "burst_zero",
                    "burst_signals",
                    "burst_signals = 0 rejects every signal, although the rate is %d/s".formatted(rate)));
        } else if (burst < rate) {
            warnings.add(new Warning(
                    "burst_below_rate",
                    "burst_signals",
                    ("burst_signals = %d is less than one second of the rate %d/s: signals that come in bursts of more than %d"
                                    + " are rejected (burst_exceeded) even below the rate; without it the burst is %d")
                            .formatted(
                                    burst,
                                    rate,
                                    burst,
                                    config.toBuilder()
                                            .burstSignals(null)
                                            .build()
                                            .burst())));
        }
    }

    private static void signal(TenantConfig config, String type, SignalLimit limit, List<Warning> warnings) {
        if (limit.burst() == 0 && limit.maxSignalsPerSec() > 0) {
            warnings.add(new Warning(
                    "burst_zero",
                    "signals",
                    "signals: burst_signals = 0 rejects every signal '%s', although its rate is %d/s"
                            .formatted(type, limit.maxSignalsPerSec())));
        } else if (limit.burst() < limit.maxSignalsPerSec()) {
            warnings.add(new Warning(
                    "burst_below_rate",
                    "signals",
                    ("signals: burst_signals = %d of '%s' is less than one second of its rate %d/s: bursts of more than %d are"
                                    + " rejected (signal_rate_limited) even below the rate")
                            .formatted(limit.burst(), type, limit.maxSignalsPerSec(), limit.burst())));
        }
        Long rate = config.maxSignalsPerSec();
        if (rate != null && limit.maxSignalsPerSec() > rate) {
            warnings.add(new Warning(
                    "signal_rate_above_rate",
                    "signals",
                    "signals: the rate %d/s of '%s' has no effect: the tenant's own rate is %d/s"
                            .formatted(limit.maxSignalsPerSec(), type, rate)));
        }
    }

    private static void bytes(TenantConfig config, List<Warning> warnings) {
        BigInteger rate = config.maxBytesPerSec();
        BigInteger burst = config.burstBytes();
        if (rate == null) {
            if (burst != null) {
                warnings.add(new Warning(
                        "burst_without_rate",
                        "burst_bytes",
                        "burst_bytes = %d has no effect without max_bytes_per_sec".formatted(burst)));
            }
            return;
        }
        if (rate.signum() == 0) {
            return;
        }
        if (burst != null && burst.signum() == 0) {
            warnings.add(new Warning(
                    "burst_zero",
                    "burst_bytes",
                    "burst_bytes = 0 rejects every signal, although the byte rate is %d/s".formatted(rate)));
        } else if (burst != null && burst.compareTo(rate) < 0) {
            warnings.add(new Warning(
                    "burst_below_rate",
                    "burst_bytes",
                    ("burst_bytes = %d is less than one second of the byte rate %d/s: larger signals are rejected"
                                    + " (signal_too_large), and bursts of more bytes even below the rate (byte_rate_limited);"
                                    + " without it the burst is %d")
                            .formatted(
                                    burst,
                                    rate,
                                    config.toBuilder().burstBytes(null).build().bytesBurst())));
        }
        Long largest = config.maxSignalBytes();
        if (largest != null && largest > config.signalBytesLimit()) {
            warnings.add(new Warning(
                    "signal_bytes_above_burst",
                    "max_signal_bytes",
                    "max_signal_bytes = %d has no effect: the byte bucket holds %d bytes, and a larger signal is rejected"
                            .formatted(largest, config.bytesBurst())));
        }
    }

    private static void period(PeriodLimit limit, List<Warning> warnings) {
        BigInteger signals = limit.maxSignals();
        BigInteger bytes = limit.maxBytes();
        if (signals == null || bytes == null || signals.signum() == bytes.signum()) {
            return;
        }
        boolean noBytes = bytes.signum() == 0;
        warnings.add(new Warning(
                "period_zero",
                "periods",
                "periods: %s = 0 per %s rejects every signal%s, although %s is %s"
                        .formatted(
                                noBytes ? "max_bytes" : "max_signals",
                                limit.per().id(),
                                noBytes ? " that has a value" : "",
                                noBytes ? "max_signals" : "max_bytes",
                                noBytes ? signals : bytes)));
    }

    private static void storage(TenantConfig config, long segmentBytes, List<Warning> warnings) {
        BigInteger bytes = config.maxStorageBytes();
        if (bytes != null && bytes.signum() > 0 && bytes.compareTo(BigInteger.valueOf(segmentBytes)) < 0) {
            warnings.add(new Warning(
                    "storage_below_segment",
                    "max_storage_bytes",
                    ("max_storage_bytes = %d is less than the smallest WAL segment of %d bytes: only sealed segments count, so the"
                                    + " tenant can store up to one segment before the limit rejects a signal")
                            .formatted(bytes, segmentBytes)));
        }
    }
}
