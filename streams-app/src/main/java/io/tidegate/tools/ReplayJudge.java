package io.tidegate.tools;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.QuotaExceeded;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.Residency;
import io.tidegate.contract.Router;
import io.tidegate.contract.Router.Route;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantSource;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantNames;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * Judges whether a signal would be rejected again if it were sent now, by the limits in force and the usage as of the last
 * commit.
 *
 * <p>It assumes that every signal that it lets pass is sent and accepted, and adds its entities and bytes to the usage. So of a
 * thousand signals with new entities, only as many pass as there is room for. If a tenant's usage is not known, it is assumed to
 * reject the signals that it rejected before. Rates are left to {@link ReplayPace}: only a rate or burst of 0 rejects. Otherwise
 * pure; not thread-safe.
 */
final class ReplayJudge {
    private final Router router;
    private final boolean missingIsDefault;
    private final Function<TenantId, @Nullable TenantConfig> inForce;
    private final UsageSnapshot usages;
    private final Residency residency;
    private final Admission admission;
    private final Map<TenantId, AddedUsage> added = new HashMap<>();

    /** The usage that passed signals add to a tenant, apart from its entity set. */
    private static final class AddedUsage {
        private long bytes;
        private long entities;
    }

    /**
     * A rejected signal.
     *
     * @param source the position at which it was read; it is sent to the same partition
     * @param record its rejection, with its key and value
     * @param headers the headers of its producer
     * @param reason the reason of its rejection
     */
    record Candidate(SourcePosition source, ConsumerRecord<byte[], byte[]> record, Headers headers, String reason) {}

    /**
     * The judgement of one signal.
     *
     * @param tenant its tenant; null if it has none
     * @param type the value of {@code signal}; null if absent or unknown
     * @param stillRejected the id of the reason or defect for which it would be rejected; null if it would pass
     */
    record Verdict(
            @Nullable TenantId tenant,
            @Nullable String type,
            @Nullable String stillRejected) {
        Verdict(@Nullable TenantId tenant, @Nullable String stillRejected) {
            this(tenant, null, stillRejected);
        }
    }

    /**
     * Creates a judge over a snapshot.
     *
     * @param inForce returns the config by which a tenant is judged; null if its signals are rejected as unknown
     */
    ReplayJudge(
            TenantSource source,
            SignalReader reader,
            TenantNames names,
            boolean missingIsDefault,
            Function<TenantId, @Nullable TenantConfig> inForce,
            UsageSnapshot usages,
            @Nullable String region,
            Residency residency) {
        this.router = new Router(source, reader, names);
        this.missingIsDefault = missingIsDefault;
        this.inForce = inForce;
        this.usages = usages;
        this.residency = residency;
        this.admission = new Admission(region);
    }

    /** Returns whether a tenant with this config can be rejected for its usage, so that the usage must be loaded. */
    static boolean needsUsage(@Nullable TenantConfig config) {
        return config != null && !reasonsOfUsage(config).isEmpty();
    }

    /** Returns the reasons for which the usage of a tenant with this config can reject a signal. */
    private static Set<Reason> reasonsOfUsage(TenantConfig config) {
        Set<Reason> reasons = EnumSet.noneOf(Reason.class);
        if (config.limitsEntities()) {
            reasons.add(Reason.ENTITY_LIMIT);
        }
        if (config.maxStorageBytes() != null) {
            reasons.add(Reason.STORAGE_LIMIT);
        }
        if (!config.periods().isEmpty()) {
            reasons.add(Reason.PERIOD_LIMIT);
        }
        return reasons;
    }

    /** Returns the signal's current tenant; null if it has none. */
    @Nullable
    TenantId tenant(Candidate candidate) {
        return route(candidate) instanceof Route.ToTenant to ? to.tenant() : null;
    }

    private Route route(Candidate candidate) {
        return router.route(
                candidate.source().topic(),
                candidate.record().key(),
                candidate.record().value(),
                candidate.headers(),
                missingIsDefault);
    }

    Verdict judge(Candidate candidate, long nowMs) {
        Route route = route(candidate);
        if (route instanceof Route.ToDeadLetter dead) {
            return new Verdict(dead.tenant(), dead.defect().id());
        }
        if (route instanceof Route.ToUnknown) {
            return new Verdict(null, Reason.TENANT_UNKNOWN.id());
        }
        TenantId tenant = ((Route.ToTenant) route).tenant();
        TenantConfig config = inForce.apply(tenant);
        if (config == null) {
            return new Verdict(tenant, Reason.TENANT_UNKNOWN.id());
        }
        if (residency.target(config, candidate.headers()) != null
                || (config.mode() == Mode.OBSERVE && !config.isBlocked(nowMs))) {
            return new Verdict(tenant, null);
        }
        Signal signal = ((Route.ToTenant) route).signal();
        Reason reason = stillRejected(tenant, config, candidate, signal, nowMs);
        return new Verdict(tenant, signal.type(), reason == null ? null : reason.id());
    }

    private @Nullable Reason stillRejected(
            TenantId tenant, TenantConfig config, Candidate candidate, Signal signal, long nowMs) {
        TenantConfig unrated = unrated(config);
        byte[] value = candidate.record().value();
        int bytes = value == null ? 0 : value.length;
        boolean isKnown = usages.knows(tenant);
        TenantUsage usage = needsUsage(config) && isKnown ? usages.of(tenant) : TenantUsage.fresh(0, 0);
        QuotaExceeded exceeded = admission.check(unrated, usage, signal.type(), bytes, nowMs);
        if (exceeded != null) {
            return exceeded.reason();
        }
        Long rate = config.maxSignalsPerSec();
        if (rate != null && rate == 0) {
            return Reason.RATE_LIMITED;
        }
        if (rate != null && config.burst() == 0) {
            return Reason.BURST_EXCEEDED;
        }
        if (config.maxBytesPerSec() != null && config.bytesPerSec() == 0) {
            return Reason.BYTE_RATE_LIMITED;
        }
        SignalLimit ofType = signal.type() == null ? null : config.signals().get(signal.type());
        if (ofType != null && (ofType.maxSignalsPerSec() == 0 || ofType.burst() == 0)) {
            return Reason.SIGNAL_RATE_LIMITED;
        }
        Reason before = isKnown ? null : rejectedForUsage(config, candidate.reason());
        if (before != null) {
            return before;
        }
        AddedUsage more = needsUsage(config) ? added.computeIfAbsent(tenant, id -> new AddedUsage()) : new AddedUsage();
        if (config.maxStorageBytes() != null && usage.sealedBytes() + more.bytes >= config.storageLimit()) {
            return Reason.STORAGE_LIMIT;
        }
        if (config.limitsEntities() || !config.periods().isEmpty()) {
            Reason full = entities(tenant, unrated, usage, more, signal, bytes, candidate.reason(), nowMs);
            if (full != null) {
                return full;
            }
        }
        more.bytes += bytes;
        return null;
    }

    /** Returns the reason of a rejection if the tenant's usage led to it and may do so again; otherwise null. */
    private static @Nullable Reason rejectedForUsage(TenantConfig config, String reason) {
        return reasonsOfUsage(config).stream()
                .filter(one -> one.id().equals(reason))
                .findFirst()
                .orElse(null);
    }

    /** Returns the limits without rates. A signal that exceeds the byte burst is still rejected. */
    private static TenantConfig unrated(TenantConfig config) {
        long largest = config.signalBytesLimit();
        return config.toBuilder()
                .maxSignalsPerSec(null)
                .burstSignals(null)
                .maxBytesPerSec(null)
                .burstBytes(null)
                .signals(Map.of())
                .maxSignalBytes(largest > TenantConfig.U32_MAX ? null : (Long) largest)
                .unlimited(List.of()) // completed already: an unlimited field must not have a value
                .build();
    }

    private @Nullable Reason entities(
            TenantId tenant,
            TenantConfig unrated,
            TenantUsage usage,
            AddedUsage more,
            Signal signal,
            int bytes,
            String rejectedFor,
            long nowMs) {
        if (usages.knowsEntities(tenant)) {
            Decision decision = admission.admit(unrated, usage, signal, bytes, nowMs);
            return decision instanceof Rejected rejected ? rejected.quota().reason() : null;
        }
        // Too many entities to load. A signal that was rejected for a new entity counts as having one; other signals
        // are
        // assumed to pass.
        if (!rejectedFor.equals(Reason.ENTITY_LIMIT.id())) {
            return null;
        }
        usage.showAsOf(unrated, nowMs);
        if (usage.entityCount() + more.entities >= unrated.entityLimit()
                || QuotaUse.namesFullKind(usage, unrated, signal)) {
            return Reason.ENTITY_LIMIT;
        }
        more.entities++;
        return null;
    }
}
