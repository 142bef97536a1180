package io.tidegate.tools;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;

/**
 * Judges a tenant's last signals by limits that are not in force, and changes nothing.
 *
 * <p>The {@linkplain TenantSignals signals} are decided by {@link Admission} in their order and at their own times, with new
 * buckets. Entities and stored bytes are taken as they are now, at the last commit: so the entities that
 * came in the meantime count as known, and a lower limit of entities rejects what it would reject if the same signals
 * came again.
 */
public final class DryRun {
    /**
     * What would have become of the signals.
     *
     * @param signals of the tenant in the time
     * @param rejected by reason
     * @param firstMs the time of the first of them, -1 where there is none
     */
    public record Report(long signals, Map<Reason, Long> rejected, long firstMs) {
        public long rejectedCount() {
            return rejected.values().stream().mapToLong(Long::longValue).sum();
        }

        /** As the command line and the HTTP API say it: every reason, {@code first_at} null where there is no signal. */
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

    public DryRun(Settings settings) {
        this.settings = settings;
    }

    /**
     * Judges.
     *
     * @param proposed the limits; enforced, whatever mode they name
     * @param since how far back
     * @param nowMs the end of that time
     */
    public Report judge(TenantConfig proposed, Duration since, long nowMs) {
        TenantId tenant = proposed.tenantId();
        TenantConfig enforced = proposed.toBuilder().mode(Mode.ENFORCE).build();
        TenantUsage usage =
                UsageSnapshot.read(settings, tenant::equals, Long.MAX_VALUE).of(tenant);
        usage.clearPeriods();
        Admission admission = new Admission(settings.region(), settings.entitiesMax(), settings.historyBounds());
        SignalReader reader = new SignalReader(settings.signalMapping(), RegistrySchemas.in(settings));
        long fromMs = nowMs - since.toMillis();
        Map<Reason, Long> rejected = new EnumMap<>(Reason.class);
        long signals = 0;
        long firstMs = -1;
        try (TenantSignals own = new TenantSignals(settings, tenant, fromMs)) {
            for (RoutedSignal routed = own.next(); routed != null; routed = own.next()) {
                if (routed.timestampMs() < fromMs || !(routed.parsed(reader) instanceof Parsed parsed)) {
                    continue;
                }
                signals++;
                firstMs = firstMs < 0 ? routed.timestampMs() : Math.min(firstMs, routed.timestampMs());
                Decision decision = admission.admit(
                        enforced, usage, parsed.signal(), routed.value().length, Math.max(0, routed.timestampMs()));
                if (decision instanceof Rejected one) {
                    rejected.merge(one.quota().reason(), 1L, Long::sum);
                }
            }
        }
        return new Report(signals, rejected, firstMs);
    }
}
