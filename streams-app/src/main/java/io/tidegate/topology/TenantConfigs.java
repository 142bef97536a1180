package io.tidegate.topology;

import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.NameIndex;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.UnknownTenants;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All tenants' configs and plans as this instance has read them from {@code tenant-configs}. Each is parsed once, and
 * all tasks look them up here.
 *
 * <p>A tenant stores only the fields that it sets itself. The config in force of a tenant with a plan is completed on
 * request and cached, for up to {@link #COMPLETED_MAX} tenants. So a plan is not copied for each of its tenants, and a
 * new plan applies to all of them from the next look-up on. A tenant whose plan does not exist is unknown, because its
 * limits are unknown.
 *
 * <p>A bad record changes nothing but a counter: the tenant or plan keeps its last good config. Thread-safe; one
 * writer.
 */
public final class TenantConfigs {
    private static final Logger LOG = LoggerFactory.getLogger(TenantConfigs.class);

    /** {@link InForce#offset} of a config that no record set. */
    public static final long NO_OFFSET = -1;

    /** The default tenant as long as no record sets its config. */
    private static final InForce UNSET = new InForce(TenantConfig.defaultTenant(), NO_OFFSET);

    private static final long NANOS_PER_MS = 1_000_000;

    /**
     * The config that is in force for a tenant.
     *
     * @param config the limits
     * @param offset the offset of the record in {@code tenant-configs} that set it; -1 if none did. For a config that a
     *     plan completes, the greater of the two records' offsets: the topic up to there determines the config in force
     */
    public record InForce(TenantConfig config, long offset) {}

    /** The number of completed configs that are cached; a power of two. */
    private static final int COMPLETED_MAX = 4096;

    /**
     * A config that a plan completed.
     *
     * @param own the fields that the tenant sets
     * @param plan the fields that its plan supplies
     */
    private record Completed(InForce own, InForce plan, InForce inForce) {
        /** Whether it was completed from these records; a newer record is another object. */
        @SuppressWarnings("ReferenceEquality")
        boolean isOf(InForce ownNow, InForce planNow) {
            return own == ownNow && plan == planNow;
        }
    }

    /** Indexed by the tenant's hash. An entry is valid as long as both its records are the newest. */
    private final AtomicReferenceArray<Completed> completed = new AtomicReferenceArray<>(COMPLETED_MAX);

    private final Map<String, InForce> plans = new ConcurrentHashMap<>();
    private final UnknownTenants unknown;
    private final MissingTenants missing;
    private final Map<TenantId, InForce> stored = new ConcurrentHashMap<>();

    /** Tenants, except the default one, whose newest record is not a valid config. They still count as configured. */
    private final Set<TenantId> unreadable = ConcurrentHashMap.newKeySet();

    /**
     * Written by the single writer. A tenant whose newest record is not a valid config keeps the names of its last good
     * one.
     */
    private final NameIndex names = new NameIndex();

    private volatile int nameConflicts;
    private volatile boolean othersConfigured;
    private final AtomicLong rejected = new AtomicLong();
    private volatile long readTimestampMs;
    private final Object applied = new Object();
    private volatile long appliedOffset = NO_OFFSET;
    private volatile InForce defaultTenant = UNSET;

    public TenantConfigs(UnknownTenants unknown, MissingTenants missing) {
        this.unknown = unknown;
        this.missing = missing;
    }

    /** Returns the config in force; null for an unknown tenant whose signals are rejected. */
    public @Nullable InForce inForce(TenantId tenant) {
        InForce own = tenant.isDefault() ? defaultTenant : stored.get(tenant);
        InForce usable = own == null ? null : completed(own);
        if (usable != null || tenant.isDefault()) {
            return usable;
        }
        InForce ofDefault = completed(defaultTenant);
        InForce found = ofDefault == null ? null : unknown.inForce(null, ofDefault);
        return found == null ? null : new InForce(found.config().withTenantId(tenant), found.offset());
    }

    /** Returns the config in force for a tenant with its own config; null if its plan does not exist. */
    private @Nullable InForce completed(InForce own) {
        TenantConfig config = own.config();
        if (config.plan() == null) {
            return own;
        }
        InForce plan = plans.get(config.plan());
        if (plan == null) {
            return null;
        }
        int slot = config.tenantId().hashCode() & (COMPLETED_MAX - 1);
        Completed known = completed.get(slot);
        if (known == null || !known.isOf(own, plan)) {
            known = new Completed(
                    own, plan, new InForce(config.completedBy(plan.config()), Math.max(own.offset(), plan.offset())));
            completed.set(slot, known);
        }
        return known.inForce();
    }

    /** Returns the number of cached completed configs. */
    int completedCount() {
        int count = 0;
        for (int slot = 0; slot < COMPLETED_MAX; slot++) {
            count += completed.get(slot) == null ? 0 : 1;
        }
        return count;
    }

    /** Returns a plan's fields and the offset of its record; null if there is no such plan. */
    public @Nullable InForce plan(String name) {
        return plans.get(name);
    }

    /** Returns all plans by name. */
    public Map<String, InForce> plans() {
        return new TreeMap<>(plans);
    }

    /** Counts the tenants on each plan, including plans that do not exist. */
    public Map<String, Long> tenantsByPlan() {
        Map<String, Long> counts = new TreeMap<>();
        forEachTenant(tenant -> {
            InForce own = own(tenant);
            String plan = own == null ? null : own.config().plan();
            if (plan != null) {
                counts.merge(plan, 1L, Long::sum);
            }
        });
        return counts;
    }

    /** Returns the tenant that has a name; null if no tenant or several have it. */
    public @Nullable TenantId named(String name) {
        return names.named(name);
    }

    /** Returns the number of names that several tenants have, which therefore refer to none of them. */
    public int nameConflicts() {
        return nameConflicts;
    }

    /** Whether a signal that names no tenant counts for the default tenant; otherwise it is a dead letter. */
    public boolean missingIsDefault() {
        return missing.countForDefault(othersConfigured);
    }

    /**
     * Returns the tenant's own config; null if it has none. The default tenant always has one, without an offset if no record
     * sets it.
     */
    public @Nullable InForce own(TenantId tenant) {
        if (!tenant.isDefault()) {
            return stored.get(tenant);
        }
        InForce newest = defaultTenant;
        return isUnset(newest) ? UNSET : newest;
    }

    /** Whether a record of the topic sets the tenant's config. */
    boolean isSet(TenantId tenant) {
        return tenant.isDefault() ? !isUnset(defaultTenant) : stored.containsKey(tenant);
    }

    /** A record may contain the same config, so equality is not enough. */
    @SuppressWarnings("ReferenceEquality")
    private static boolean isUnset(InForce ofDefault) {
        return ofDefault.config() == UNSET.config();
    }

    /** Visits all tenants that have their own config; weakly consistent. */
    public void forEachTenant(Consumer<TenantId> each) {
        if (isSet(TenantId.DEFAULT)) {
            each.accept(TenantId.DEFAULT);
        }
        stored.keySet().forEach(each);
    }

    /**
     * Waits until this instance has read the topic up to an offset.
     *
     * @return false on timeout
     */
    public boolean awaitApplied(long offset, Duration within) throws InterruptedException {
        long deadline = System.nanoTime() + within.toNanos();
        synchronized (applied) {
            while (appliedOffset < offset) {
                long leftMs = (deadline - System.nanoTime()) / NANOS_PER_MS;
                if (leftMs <= 0) {
                    return false;
                }
                applied.wait(leftMs);
            }
        }
        return true;
    }

    /** Applies one record of the topic. Never throws for the record's content. */
    void apply(byte @Nullable [] key, byte @Nullable [] value, long offset) {
        change(key, value, offset);
        updateOthersConfigured();
        synchronized (applied) {
            appliedOffset = offset;
            applied.notifyAll();
        }
    }

    /**
     * Counts a record outside partition 0. One partition gives changes one order and makes an offset identify a config.
     */
    void misplaced(int partition, long offset) {
        rejected.incrementAndGet();
        LOG.warn(
                "a config record is ignored, because it is not in partition 0: write configs with Tidegate, or to partition 0"
                        + " partition={} offset={}",
                partition,
                offset);
    }

    /**
     * Updates the rule for signals without a tenant. The rule depends only on the newest records, so it is the same
     * after a restart, regardless of compaction.
     */
    private void updateOthersConfigured() {
        boolean now = !stored.isEmpty() || !unreadable.isEmpty();
        if (now != othersConfigured) {
            othersConfigured = now;
            if (missing == MissingTenants.REJECT) {
                LOG.info(
                        now
                                ? "signals without a tenant are dead-lettered, because tenants other than 0 are configured"
                                : "signals without a tenant count for tenant 0, because no other tenant is configured");
            }
        }
    }

    private void change(byte @Nullable [] key, byte @Nullable [] value, long offset) {
        ConfigKey parsed = ConfigKey.tryParse(key);
        if (parsed == null) {
            reject("?", offset, false, "the key is neither a tenant id in decimal nor plan:NAME");
            return;
        }
        if (parsed instanceof ConfigKey.OfPlan plan) {
            changePlan(plan, value, offset);
            return;
        }
        TenantId tenant = ((ConfigKey.OfTenant) parsed).tenant();
        if (value == null) {
            index(tenant, List.of(), offset);
            stored.remove(tenant);
            unreadable.remove(tenant);
            if (tenant.isDefault()) {
                defaultTenant = new InForce(UNSET.config(), offset);
            }
            return;
        }
        StoredConfig read = StoredConfig.read(tenant, value);
        if (read.config() == null) {
            reject(tenant, offset, read.problem());
            return;
        }
        InForce changed = new InForce(read.config(), offset);
        if (tenant.isDefault()) {
            defaultTenant = changed;
        } else {
            stored.put(tenant, changed);
            unreadable.remove(tenant);
        }
        // Last, so that a tenant found by name already has its config.
        index(tenant, read.config().externalIds(), offset);
    }

    private void index(TenantId tenant, List<String> externalIds, long offset) {
        for (String name : names.put(tenant, externalIds)) {
            LOG.warn(
                    "a name refers to no tenant, because several configs have it; signals that use it are rejected as"
                            + " tenant_unknown. Remove it from all but one (tidegate tenants set) name=\"{}\""
                            + " tenants={} offset={}",
                    name,
                    names.claimants(name),
                    offset);
        }
        nameConflicts = names.conflictCount();
    }

    private void changePlan(ConfigKey.OfPlan plan, byte @Nullable [] value, long offset) {
        if (value == null) {
            plans.remove(plan.name());
            return;
        }
        StoredConfig read = StoredConfig.read(plan, value);
        if (read.config() == null) {
            reject(plan.text(), offset, plans.containsKey(plan.name()), read.problem());
        } else {
            plans.put(plan.name(), new InForce(read.config(), offset));
        }
    }

    private void reject(TenantId tenant, long offset, @Nullable String why) {
        if (!tenant.isDefault()) {
            unreadable.add(tenant);
        }
        reject(tenant.toString(), offset, tenant.isDefault() || stored.containsKey(tenant), why);
    }

    /** Returns the number of invalid records of the topic since the start. */
    public long rejectedCount() {
        return rejected.get();
    }

    /** Notes the time of the record that was {@linkplain #apply applied} last, good or bad. */
    void readAt(long timestampMs) {
        readTimestampMs = timestampMs;
    }

    /** Returns the offset of the last record that was read from the topic; -1 before the first. */
    public long readOffset() {
        return appliedOffset;
    }

    /** Returns the time of that record, in ms since the epoch; 0 before the first. */
    public long readTimestampMs() {
        return readTimestampMs;
    }

    /** Returns the number of tenants that have a config. */
    public int size() {
        return stored.size();
    }

    private void reject(String owner, long offset, boolean hasEarlier, @Nullable String why) {
        rejected.incrementAndGet();
        LOG.warn(
                "a bad config record is ignored, {} tenant={} offset={} why=\"{}\"",
                hasEarlier ? "the tenant keeps its last good one" : "the topic has no earlier one",
                owner,
                offset,
                why);
    }
}
