package io.tidegate.tenant;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The limits and other settings of one tenant. A limit that is null is no limit; a limit of 0 rejects all.
 *
 * <p>This is the value of a {@code tenant-configs} record. Only {@code tenant_id} is required. A field that is null or empty
 * is not set: the tenant's {@linkplain Plan plan}, if there is one, supplies it ({@link #completedBy}).
 *
 * @param tenantId the tenant
 * @param plan name of the plan that supplies the fields that are not set here; null = none
 * @param maxSignalsPerSec token refill rate in signals per second (u32); null = unlimited, 0 = reject all
 * @param burstSignals bucket size in signals (u32); null = 2 × rate
 * @param maxBytesPerSec refill rate of the byte bucket in bytes of values per second (u64); null = unlimited, 0 =
 *     reject all
 * @param burstBytes size of the byte bucket (u64); null = 2 × rate. A larger signal is rejected
 * @param maxSignalBytes size of the largest value (u32); null = unlimited
 * @param periods limits of calendar periods, at most one for each length; empty = none
 * @param signals limits of single types of signals, by the type, in addition to the tenant's own; empty = none
 * @param maxEntities distinct items, users and creators together (u64); null = unlimited
 * @param maxItems distinct items (u64); null = unlimited
 * @param maxUsers distinct users (u64); null = unlimited
 * @param maxCreators distinct creators (u64); null = unlimited
 * @param entityIdleTtl how long an entity counts without being named by a signal, by record time; null = always. See
 *     {@link IdleTtl}
 * @param maxStorageBytes total bytes of the tenant's sealed WAL segments (u64); null = unlimited
 * @param requiredRegions the regions in which the tenant's data must reside; empty = anywhere
 * @param label a name for people
 * @param mode whether limits are enforced or only observed; null only if a plan decides
 * @param blockedUntil reject everything until then; null = not blocked
 * @param externalIds names by which signals, commands and requests can refer to the tenant; see {@link TenantName}
 * @param unlimited limits, by their names in JSON, that are neither set here nor supplied by the plan; sorted
 * @param ceiling the maximum limits that the tenants of a plan can set themselves; null = those of the plan. Only in
 *     plans
 */
@JsonPropertyOrder({
    "tenant_id",
    "label",
    "plan",
    "max_signals_per_sec",
    "burst_signals",
    "max_bytes_per_sec",
    "burst_bytes",
    "max_signal_bytes",
    "periods",
    "signals",
    "max_entities",
    "max_items",
    "max_users",
    "max_creators",
    "entity_idle_ttl",
    "max_storage_bytes",
    "required_regions",
    "mode",
    "blocked_until",
    "external_ids",
    "unlimited",
    "ceiling"
})
@JsonInclude(JsonInclude.Include.ALWAYS)
public record TenantConfig(
        @JsonProperty(value = "tenant_id", required = true) TenantId tenantId,
        @JsonProperty("plan") @Nullable String plan,
        @JsonProperty("max_signals_per_sec") @Nullable Long maxSignalsPerSec,
        @JsonProperty("burst_signals") @Nullable Long burstSignals,
        @JsonProperty("max_bytes_per_sec") @Nullable BigInteger maxBytesPerSec,
        @JsonProperty("burst_bytes") @Nullable BigInteger burstBytes,
        @JsonProperty("max_signal_bytes") @Nullable Long maxSignalBytes,
        @JsonProperty("periods") List<PeriodLimit> periods,
        @JsonProperty("signals") Map<String, SignalLimit> signals,
        @JsonProperty("max_entities") @Nullable BigInteger maxEntities,
        @JsonProperty("max_items") @Nullable BigInteger maxItems,
        @JsonProperty("max_users") @Nullable BigInteger maxUsers,
        @JsonProperty("max_creators") @Nullable BigInteger maxCreators,
        @JsonProperty("entity_idle_ttl") @Nullable Duration entityIdleTtl,
        @JsonProperty("max_storage_bytes") @Nullable BigInteger maxStorageBytes,
        @JsonProperty("required_regions") List<String> requiredRegions,
        @JsonProperty("label") String label,
        @JsonProperty("mode") @Nullable Mode mode,
        @JsonProperty("blocked_until") @Nullable Instant blockedUntil,
        @JsonProperty("external_ids") List<String> externalIds,

        @JsonProperty("unlimited") @JsonInclude(JsonInclude.Include.NON_EMPTY)
        List<String> unlimited,

        @JsonProperty("ceiling") @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
        Ceiling ceiling) {

    /** Whether a tenant's limits are enforced. */
    public enum Mode {
        /** A signal over a limit is rejected. */
        @JsonProperty("enforce")
        ENFORCE,
        /** A dry run: a signal over a limit is counted and accepted. */
        @JsonProperty("observe")
        OBSERVE
    }

    public static final long U32_MAX = 0xFFFF_FFFFL;
    public static final BigInteger U64_MAX = BigInteger.ONE.shiftLeft(Long.SIZE).subtract(BigInteger.ONE);
    static final int LABEL_CHARS_MAX = 200;
    static final int REGIONS_MAX = 16;

    /** The maximum number of names of one tenant. */
    public static final int EXTERNAL_IDS_MAX = 16;

    /** The maximum number of values of {@code signal} with their own limit. Each has a bucket with a history. */
    public static final int SIGNALS_MAX = 16;

    /** The maximum length of a value of {@code signal} with a limit, in UTF-16 code units. */
    public static final int SIGNAL_CHARS_MAX = 128;

    /** The fields that limit a tenant, which are those that a plan's ceiling can name. */
    public static final List<String> LIMITS = List.of(
            "max_signals_per_sec",
            "burst_signals",
            "max_bytes_per_sec",
            "burst_bytes",
            "max_signal_bytes",
            "periods",
            "signals",
            "max_entities",
            "max_items",
            "max_users",
            "max_creators",
            "max_storage_bytes");

    /**
     * Not a limit: neither a shorter nor a longer one is stricter, so it has no ceiling. {@code unlimited} can name it:
     * then entities never expire.
     */
    public static final String ENTITY_IDLE_TTL = "entity_idle_ttl";

    /** Decisions use milliseconds, and not every {@link Instant} fits into them. */
    private static final Instant YEAR_10000 = Instant.parse("+10000-01-01T00:00:00Z");

    private static final Pattern REGION = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

    /** The default size of a bucket, in seconds of its rate. */
    static final long BURST_SECONDS = 2;

    @JsonCreator
    public TenantConfig {
        if (tenantId == null) {
            throw new IllegalArgumentException("tenant_id is missing");
        }
        if (plan != null) {
            Plan.checkName(tenantId + ": plan", plan);
            plan = plan.intern(); // many tenants share a few names
        }
        checkRange(tenantId, "max_signals_per_sec", boxed(maxSignalsPerSec), BigInteger.valueOf(U32_MAX));
        checkRange(tenantId, "burst_signals", boxed(burstSignals), BigInteger.valueOf(U32_MAX));
        checkRange(tenantId, "max_bytes_per_sec", maxBytesPerSec, U64_MAX);
        checkRange(tenantId, "burst_bytes", burstBytes, U64_MAX);
        checkRange(tenantId, "max_signal_bytes", boxed(maxSignalBytes), BigInteger.valueOf(U32_MAX));
        periods = checked(tenantId, periods);
        signals = LimitRules.signals(tenantId, signals);
        checkRange(tenantId, "max_entities", maxEntities, U64_MAX);
        checkRange(tenantId, "max_items", maxItems, U64_MAX);
        checkRange(tenantId, "max_users", maxUsers, U64_MAX);
        checkRange(tenantId, "max_creators", maxCreators, U64_MAX);
        IdleTtl.check(tenantId, entityIdleTtl);
        checkRange(tenantId, "max_storage_bytes", maxStorageBytes, U64_MAX);
        requiredRegions = requiredRegions == null ? List.of() : requiredRegions;
        if (requiredRegions.size() > REGIONS_MAX) {
            throw new IllegalArgumentException("%s: required_regions has %d names, the limit is %d"
                    .formatted(tenantId, requiredRegions.size(), REGIONS_MAX));
        }
        for (String region : requiredRegions) {
            checkRegion(tenantId + ": required_regions", region);
        }
        requiredRegions = List.copyOf(requiredRegions);
        label = label == null ? "" : label;
        if (label.length() > LABEL_CHARS_MAX || !PlainText.isValid(label)) {
            throw new IllegalArgumentException("%s: label must be at most %d characters without control characters"
                    .formatted(tenantId, LABEL_CHARS_MAX));
        }
        mode = mode == null && plan == null ? Mode.ENFORCE : mode;
        if (blockedUntil != null && (blockedUntil.isBefore(Instant.EPOCH) || !blockedUntil.isBefore(YEAR_10000))) {
            throw new IllegalArgumentException(
                    "%s: blocked_until = %s is outside the years 1970 to 9999".formatted(tenantId, blockedUntil));
        }
        externalIds = externalIds == null ? List.of() : names(tenantId, externalIds);
        unlimited = unlimited == null ? List.of() : List.copyOf(new TreeSet<>(unlimited));
        for (String field : unlimited) {
            LimitRules.checkUnlimited(tenantId, field);
        }
        LimitRules.checkUnset(tenantId, unlimited, "max_signals_per_sec", maxSignalsPerSec);
        LimitRules.checkUnset(tenantId, unlimited, "max_bytes_per_sec", maxBytesPerSec);
        LimitRules.checkUnset(tenantId, unlimited, "max_signal_bytes", maxSignalBytes);
        LimitRules.checkUnset(tenantId, unlimited, "periods", periods.isEmpty() ? null : periods);
        LimitRules.checkUnset(tenantId, unlimited, "signals", signals.isEmpty() ? null : signals);
        LimitRules.checkUnset(tenantId, unlimited, "max_entities", maxEntities);
        LimitRules.checkUnset(tenantId, unlimited, "max_items", maxItems);
        LimitRules.checkUnset(tenantId, unlimited, "max_users", maxUsers);
        LimitRules.checkUnset(tenantId, unlimited, "max_creators", maxCreators);
        LimitRules.checkUnset(tenantId, unlimited, ENTITY_IDLE_TTL, entityIdleTtl);
        LimitRules.checkUnset(tenantId, unlimited, "max_storage_bytes", maxStorageBytes);
        if (plan == null) {
            unlimited = List.of(); // fields that are not set are unlimited anyway
        }
    }

    private static List<String> names(TenantId owner, List<String> externalIds) {
        if (externalIds.size() > EXTERNAL_IDS_MAX) {
            throw new IllegalArgumentException("%s: external_ids has %d names, the limit is %d"
                    .formatted(owner, externalIds.size(), EXTERNAL_IDS_MAX));
        }
        List<String> names = new ArrayList<>();
        for (String text : externalIds) {
            String name = text == null ? null : TenantName.tryParse(text);
            if (name == null || names.contains(name)) {
                throw new IllegalArgumentException("%s: external_ids: '%s' %s"
                        .formatted(
                                owner,
                                text == null ? "null" : JsonFaults.quoted(text),
                                name == null ? "is not a name: " + TenantName.RULE : "occurs twice"));
            }
            names.add(name);
        }
        return List.copyOf(names);
    }

    /** Creates a config without a plan, byte rates, and limits of single kinds of entities. */
    public TenantConfig(
            TenantId tenantId,
            @Nullable Long maxSignalsPerSec,
            @Nullable Long burstSignals,
            @Nullable BigInteger maxEntities,
            @Nullable BigInteger maxStorageBytes,
            List<String> requiredRegions,
            String label,
            Mode mode,
            @Nullable Instant blockedUntil) {
        this(
                tenantId,
                null,
                maxSignalsPerSec,
                burstSignals,
                null,
                null,
                null,
                List.of(),
                Map.of(),
                maxEntities,
                null,
                null,
                null,
                null,
                maxStorageBytes,
                requiredRegions,
                label,
                mode,
                blockedUntil,
                List.of(),
                List.of(),
                null);
    }

    /** The config of {@link TenantId#DEFAULT} if none is stored: unlimited, no residency. */
    public static TenantConfig defaultTenant() {
        return unlimited(TenantId.DEFAULT, "default");
    }

    public static TenantConfig unlimited(TenantId id, String label) {
        return new TenantConfig(id, null, null, null, null, List.of(), label, Mode.ENFORCE, null);
    }

    /** Returns the same limits for another tenant, without the names of this one. */
    public TenantConfig withTenantId(TenantId id) {
        return toBuilder().tenantId(id).externalIds(List.of()).build();
    }

    /** Returns this tenant's config with all fields of another one, except the label, the names and the block. */
    public TenantConfig withLimitsOf(TenantConfig other) {
        return other.withTenantId(tenantId).toBuilder()
                .externalIds(externalIds)
                .label(label)
                .blockedUntil(blockedUntil)
                .build();
    }

    /**
     * Returns the config in force for a tenant with a plan, which supplies each field that is not set here. The later of
     * two blocks applies. The label and the names stay.
     *
     * @param supplied the fields of the plan
     */
    public TenantConfig completedBy(TenantConfig supplied) {
        return new TenantConfig(
                tenantId,
                plan,
                maxSignalsPerSec != null || isUnlimited("max_signals_per_sec")
                        ? maxSignalsPerSec
                        : supplied.maxSignalsPerSec,
                burstSignals != null ? burstSignals : supplied.burstSignals,
                maxBytesPerSec != null || isUnlimited("max_bytes_per_sec") ? maxBytesPerSec : supplied.maxBytesPerSec,
                burstBytes != null ? burstBytes : supplied.burstBytes,
                maxSignalBytes != null || isUnlimited("max_signal_bytes") ? maxSignalBytes : supplied.maxSignalBytes,
                !periods.isEmpty() || isUnlimited("periods") ? periods : supplied.periods,
                !signals.isEmpty() || isUnlimited("signals") ? signals : supplied.signals,
                maxEntities != null || isUnlimited("max_entities") ? maxEntities : supplied.maxEntities,
                maxItems != null || isUnlimited("max_items") ? maxItems : supplied.maxItems,
                maxUsers != null || isUnlimited("max_users") ? maxUsers : supplied.maxUsers,
                maxCreators != null || isUnlimited("max_creators") ? maxCreators : supplied.maxCreators,
                entityIdleTtl != null || isUnlimited(ENTITY_IDLE_TTL) ? entityIdleTtl : supplied.entityIdleTtl,
                maxStorageBytes != null || isUnlimited("max_storage_bytes")
                        ? maxStorageBytes
                        : supplied.maxStorageBytes,
                !requiredRegions.isEmpty() ? requiredRegions : supplied.requiredRegions,
                label,
                mode != null ? mode : supplied.mode,
                later(blockedUntil, supplied.blockedUntil),
                externalIds,
                unlimited,
                null);
    }

    /** A block of the plan blocks all its tenants, also one whose own block ends earlier, or has ended. */
    private static @Nullable Instant later(@Nullable Instant one, @Nullable Instant other) {
        return one == null || (other != null && other.isAfter(one)) ? other : one;
    }

    /** Whether a limit, by its name in JSON, does not apply although the plan has one. */
    public boolean isUnlimited(String field) {
        return unlimited.contains(field);
    }

    /** Returns the same limits, blocked until another time; null = not blocked. */
    public TenantConfig withBlockedUntil(@Nullable Instant until) {
        return toBuilder().blockedUntil(until).build();
    }

    /** Returns a builder with the fields of this config. */
    public Builder toBuilder() {
        return new Builder(this);
    }

    /** Builds a config. Each method replaces one field; the rules are checked at the end. */
    public static final class Builder {
        private TenantId tenantId;
        private @Nullable String plan;
        private @Nullable Long maxSignalsPerSec;
        private @Nullable Long burstSignals;
        private @Nullable BigInteger maxBytesPerSec;
        private @Nullable BigInteger burstBytes;
        private @Nullable Long maxSignalBytes;
        private List<PeriodLimit> periods;
        private Map<String, SignalLimit> signals;
        private @Nullable BigInteger maxEntities;
        private @Nullable BigInteger maxItems;
        private @Nullable BigInteger maxUsers;
        private @Nullable BigInteger maxCreators;
        private @Nullable Duration entityIdleTtl;
        private @Nullable BigInteger maxStorageBytes;
        private List<String> requiredRegions;
        private String label;
        private @Nullable Mode mode;
        private @Nullable Instant blockedUntil;
        private List<String> externalIds;
        private List<String> unlimited;
        private @Nullable Ceiling ceiling;

        private Builder(TenantConfig from) {
            tenantId = from.tenantId;
            plan = from.plan;
            maxSignalsPerSec = from.maxSignalsPerSec;
            burstSignals = from.burstSignals;
            maxBytesPerSec = from.maxBytesPerSec;
            burstBytes = from.burstBytes;
            maxSignalBytes = from.maxSignalBytes;
            periods = from.periods;
            signals = from.signals;
            maxEntities = from.maxEntities;
            maxItems = from.maxItems;
            maxUsers = from.maxUsers;
            maxCreators = from.maxCreators;
            entityIdleTtl = from.entityIdleTtl;
            maxStorageBytes = from.maxStorageBytes;
            requiredRegions = from.requiredRegions;
            label = from.label;
            mode = from.mode;
            blockedUntil = from.blockedUntil;
            externalIds = from.externalIds;
            unlimited = from.unlimited;
            ceiling = from.ceiling;
        }

        public Builder tenantId(TenantId id) {
            tenantId = id;
            return this;
        }

        /**
         * Sets the plan. The mode of a tenant without a plan that enforces its limits counts as the default: with its
         * first plan, the plan decides. To keep the mode, set {@link #mode} after the plan.
         */
        public Builder plan(@Nullable String name) {
            if (plan == null && name != null && mode == Mode.ENFORCE) {
                mode = null;
            }
            plan = name;
            return this;
        }

        public Builder maxSignalsPerSec(@Nullable Long rate) {
            maxSignalsPerSec = rate;
            return this;
        }

        public Builder burstSignals(@Nullable Long burst) {
            burstSignals = burst;
            return this;
        }

        public Builder maxBytesPerSec(@Nullable BigInteger rate) {
            maxBytesPerSec = rate;
            return this;
        }

        public Builder burstBytes(@Nullable BigInteger burst) {
            burstBytes = burst;
            return this;
        }

        public Builder maxSignalBytes(@Nullable Long bytes) {
            maxSignalBytes = bytes;
            return this;
        }

        public Builder periods(List<PeriodLimit> limits) {
            periods = limits;
            return this;
        }

        public Builder maxEntities(@Nullable BigInteger entities) {
            maxEntities = entities;
            return this;
        }

        public Builder maxItems(@Nullable BigInteger items) {
            maxItems = items;
            return this;
        }

        public Builder maxUsers(@Nullable BigInteger users) {
            maxUsers = users;
            return this;
        }

        public Builder maxCreators(@Nullable BigInteger creators) {
            maxCreators = creators;
            return this;
        }

        public Builder entityIdleTtl(@Nullable Duration ttl) {
            entityIdleTtl = ttl;
            return this;
        }

        public Builder maxStorageBytes(@Nullable BigInteger bytes) {
            maxStorageBytes = bytes;
            return this;
        }

        public Builder requiredRegions(List<String> regions) {
            requiredRegions = regions;
            return this;
        }

        public Builder label(String text) {
            label = text;
            return this;
        }

        public Builder mode(@Nullable Mode chosen) {
            mode = chosen;
            return this;
        }

        public Builder blockedUntil(@Nullable Instant until) {
            blockedUntil = until;
            return this;
        }

        public Builder externalIds(List<String> names) {
            externalIds = names;
            return this;
        }

        public Builder signals(Map<String, SignalLimit> limits) {
            signals = limits;
            return this;
        }

        /** Sets the limits that the tenant does not have although its plan does, by their names in JSON. */
        public Builder unlimited(Collection<String> fields) {
            unlimited = List.copyOf(fields);
            return this;
        }

        public Builder ceiling(@Nullable Ceiling most) {
            ceiling = most;
            return this;
        }

        /** @throws IllegalArgumentException naming the field, its value and the violated rule */
        public TenantConfig build() {
            return new TenantConfig(
                    tenantId,
                    plan,
                    maxSignalsPerSec,
                    burstSignals,
                    maxBytesPerSec,
                    burstBytes,
                    maxSignalBytes,
                    periods,
                    signals,
                    maxEntities,
                    maxItems,
                    maxUsers,
                    maxCreators,
                    entityIdleTtl,
                    maxStorageBytes,
                    requiredRegions,
                    label,
                    mode,
                    blockedUntil,
                    externalIds,
                    unlimited,
                    ceiling);
        }
    }

    /** Returns the bucket's size in signals: the given burst, or 2 × rate. Only for a tenant with a rate. */
    public long burst() {
        if (maxSignalsPerSec == null) {
            throw new IllegalStateException(tenantId + " has no rate, so it has no bucket");
        }
        return burstSignals != null ? burstSignals : BURST_SECONDS * maxSignalsPerSec;
    }

    /** {@link #maxBytesPerSec} as a long. If it does not fit, a rate that no tenant reaches. */
    @JsonIgnore
    public long bytesPerSec() {
        return saturated(maxBytesPerSec);
    }

    /** Returns the size of the byte bucket: the given burst, or 2 × rate. Only for a tenant with a byte rate. */
    @JsonIgnore
    public long bytesBurst() {
        if (maxBytesPerSec == null) {
            throw new IllegalStateException(tenantId + " has no byte rate, so it has no byte bucket");
        }
        if (burstBytes != null) {
            return saturated(burstBytes);
        }
        long rate = bytesPerSec();
        return rate > Long.MAX_VALUE / BURST_SECONDS ? Long.MAX_VALUE : BURST_SECONDS * rate;
    }

    /**
     * Returns the size of the largest value that can pass: the smaller of {@link #maxSignalBytes} and the byte bucket.
     */
    @JsonIgnore
    public long signalBytesLimit() {
        long max = maxSignalBytes == null ? Long.MAX_VALUE : maxSignalBytes;
        return maxBytesPerSec == null || maxBytesPerSec.signum() == 0 ? max : Math.min(max, bytesBurst());
    }

    /** {@link #maxEntities} as a long. If it does not fit, or is unlimited, a count that no tenant reaches. */
    @JsonIgnore
    public long entityLimit() {
        return saturated(maxEntities);
    }

    /** {@link #maxItems} as a long, like {@link #entityLimit}. */
    @JsonIgnore
    public long itemLimit() {
        return saturated(maxItems);
    }

    /** {@link #maxUsers} as a long, like {@link #entityLimit}. */
    @JsonIgnore
    public long userLimit() {
        return saturated(maxUsers);
    }

    /** {@link #maxCreators} as a long, like {@link #entityLimit}. */
    @JsonIgnore
    public long creatorLimit() {
        return saturated(maxCreators);
    }

    /** {@link #entityIdleTtl} in ms; 0 if entities always count. */
    @JsonIgnore
    public long idleTtlMs() {
        return entityIdleTtl == null ? 0 : entityIdleTtl.toMillis();
    }

    /** Whether the number of entities is limited, of all kinds together or of one. */
    @JsonIgnore
    public boolean limitsEntities() {
        return maxEntities != null || maxItems != null || maxUsers != null || maxCreators != null;
    }

    /** Whether the tenant is blocked at this time. */
    public boolean isBlocked(long nowMs) {
        return blockedUntil != null && nowMs < blockedUntil.toEpochMilli();
    }

    /** {@link #maxStorageBytes} as a long. If it does not fit, or is unlimited, a size that no disk reaches. */
    @JsonIgnore
    public long storageLimit() {
        return saturated(maxStorageBytes);
    }

    /**
     * Checks the name of a region: a DNS label, so that it is safe in topics, metrics and hosts.
     *
     * @throws IllegalArgumentException naming {@code what}, the value and the rule
     */
    public static void checkRegion(String what, @Nullable String region) {
        if (region == null || !REGION.matcher(region).matches()) {
            throw new IllegalArgumentException(
                    "%s: '%s' is not a region name (lower-case letters, digits and inner hyphens, at most 63)"
                            .formatted(what, region == null ? "null" : JsonFaults.quoted(region)));
        }
    }

    /** Checks the limits and sorts them by length, so that equal limits are equal configs. */
    private static List<PeriodLimit> checked(TenantId owner, @Nullable List<PeriodLimit> periods) {
        if (periods == null || periods.isEmpty()) {
            return List.of();
        }
        Set<PeriodLimit.Per> seen = EnumSet.noneOf(PeriodLimit.Per.class);
        for (PeriodLimit limit : periods) {
            if (limit == null) {
                throw new IllegalArgumentException("%s: periods has an entry that is null".formatted(owner));
            }
            if (!seen.add(limit.per())) {
                throw new IllegalArgumentException("%s: periods has more than one entry per %s"
                        .formatted(owner, limit.per().id()));
            }
        }
        return periods.stream().sorted(Comparator.comparing(PeriodLimit::per)).toList();
    }

    static long saturated(@Nullable BigInteger limit) {
        return limit == null || limit.bitLength() >= Long.SIZE ? Long.MAX_VALUE : limit.longValue();
    }

    private static @Nullable BigInteger boxed(@Nullable Long value) {
        return value == null ? null : BigInteger.valueOf(value);
    }

    private static void checkRange(TenantId owner, String field, @Nullable BigInteger value, BigInteger max) {
        if (value != null && (value.signum() < 0 || value.compareTo(max) > 0)) {
            throw new IllegalArgumentException(
                    "%s: %s = %s is outside 0 to %s (null is unlimited)".formatted(owner, field, value, max));
        }
    }
}
