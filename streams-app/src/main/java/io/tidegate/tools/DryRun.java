package io.tidegate.tools;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.Admission;
import io.tidegate.admission.Reason;
import io.tidegate.config.Settings;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;

/**
 * Judges a tenant's latest signals by limits that are not in force. Changes nothing.
 *
 * <p>{@link Admission} decides on the {@linkplain TenantSignals signals} in their order and at their own times, with new
 * buckets. Entities and stored bytes are those of the last commit. So entities that arrived since count as known, and a lower
 * entity limit rejects exactly the signals that it would reject if they were sent again. If entities expire, they are those of
 * earlier signals instead ({@link Trial}).
 */
public final class DryRun {
    /**
     * The decisions that the limits would have led to.
     *
     * @param signals the number of the tenant's signals in the time range
     * @param rejected by reason
     * @param firstMs the time of the first signal, -1 if there is none
     */
    public record Report(long signals, Map<Reason, Long> rejected, long firstMs) {
        public long rejectedCount() {
            return rejected.values().stream().mapToLong(Long::longValue).sum();
        }

        /**
         * Writes the report in the form of the command line and the HTTP API: every reason, {@code first_at} null if there is
         * no signal.
         */
        public void writeTo(ObjectNode json) {
            json.put("signals", signals);
            json.put("rejected_total", rejectedCount());
            ObjectNode byReason = json.putObject("rejected");
            for (Reason reason : Reason.values()) {
                byReason.put(reason.id(), rejected.getOrDefault(reason, 0L));
            }
            json.put(
                    "first_at",
                    firstMs < 0 ? null : Instant.ofEpochMilli(firstMs).toString());
        }
    }

    private final Settings settings;
    private final long entitiesMax;

    /** @param entitiesMax the maximum number of entities of any tenant on an instance */
    public DryRun(Settings settings, long entitiesMax) {
        this.settings = settings;
        this.entitiesMax = entitiesMax;
    }

    /**
     * Judges the signals of a time range. Periods count only the signals of that range.
     *
     * @param proposed the limits; enforced, whatever their mode
     * @param since the length of the range
     * @param nowMs the end of the range
     */
    public Report judge(TenantConfig proposed, Duration since, long nowMs) {
        TenantId tenant = proposed.tenantId();
        long entitiesNeeded = Trial.isIdleLimited(proposed) ? 0 : Long.MAX_VALUE;
        Trial trial = new Trial(
                proposed,
                UsageSnapshot.read(settings, tenant::equals, entitiesNeeded).of(tenant),
                new Admission(settings.region(), entitiesMax, settings.historyBounds()),
                nowMs - since.toMillis());
        SignalReader reader = new SignalReader(settings.signalMapping(), RegistrySchemas.in(settings));
        try (TenantSignals own = new TenantSignals(settings, tenant, trial.firstNeededMs())) {
            for (RoutedSignal routed = own.next(); routed != null; routed = own.next()) {
                if (routed.parsed(reader) instanceof Parsed parsed) {
                    trial.judge(parsed.signal(), routed.value().length, Math.max(0, routed.timestampMs()));
                }
            }
        }
        return trial.report();
    }
}
