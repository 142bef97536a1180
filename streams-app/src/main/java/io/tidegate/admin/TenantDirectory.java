package io.tidegate.admin;

import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.contract.StateKeys;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.NameIndex;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Tenants' configs and usage, as stored in Kafka: configs from {@code tenant-configs}, usage from the changelog of the usage
 * store. So it is correct with any number of running instances, including none.
 */
public final class TenantDirectory {
    /** The number of configs that are written in one transaction. */
    private static final int TRANSACTION_RECORDS_MAX = 20_000;

    private final Settings settings;

    public TenantDirectory(Settings settings) {
        this.settings = settings;
    }

    /**
     * A config in the topic.
     *
     * @param config the limits; null if the record is not a config, or belongs to a tenant other than the one in its key
     * @param offset the record's offset in {@code tenant-configs}
     */
    public record ConfigRecord(@Nullable TenantConfig config, long offset) {}

    /** The default tenant's config if none is stored. */
    private static final ConfigRecord NOT_STORED =
            new ConfigRecord(TenantConfig.defaultTenant(), ConfigWriter.NO_OFFSET);

    /**
     * All configs and plans.
     *
     * @param tenants all tenants that have a config
     * @param plans all plans by name; the config has the fields of the plan
     */
    public record Snapshot(Map<TenantId, ConfigRecord> tenants, Map<String, ConfigRecord> plans) {
        /**
         * Returns the config in force for a tenant that sets these fields itself.
         *
         * @return null if its plan does not exist or is unreadable
         */
        public @Nullable TenantConfig completed(TenantConfig own) {
            ConfigRecord plan = own.plan() == null ? null : plans.get(own.plan());
            return Plan.inForce(own, plan == null ? null : plan.config());
        }

        /** Returns the number of tenants on each plan, including plans that do not exist. */
        public Map<String, Integer> tenantsByPlan() {
            Map<String, Integer> counts = new TreeMap<>();
            for (ConfigRecord stored : tenants.values()) {
                if (stored.config() != null && stored.config().plan() != null) {
                    counts.merge(stored.config().plan(), 1, Integer::sum);
                }
            }
            return counts;
        }
    }

    /** Returns all tenants and plans. */
    public Snapshot snapshot() {
        Map<TenantId, ConfigRecord> tenants = new TreeMap<>();
        Map<String, ConfigRecord> plans = new TreeMap<>();
        TopicReader.table(
                        settings,
                        settings.topics().configs(),
                        record -> ConfigKey.tryParse(record.key()),
                        TenantDirectory::stored)
                .forEach((key, stored) -> {
                    if (key instanceof ConfigKey.OfTenant one) {
                        tenants.put(one.tenant(), stored);
                    } else {
                        plans.put(((ConfigKey.OfPlan) key).name(), stored);
                    }
                });
        return new Snapshot(tenants, plans);
    }

    /** Returns all tenants that have a config. */
    public Map<TenantId, ConfigRecord> configs() {
        return snapshot().tenants();
    }

    /**
     * Returns the config by which a tenant is judged.
     *
     * @return null if its signals are rejected as unknown, or its record is not a config
     */
    public @Nullable TenantConfig inForce(Snapshot snapshot, TenantId tenant) {
        ConfigRecord ofDefault = snapshot.tenants().getOrDefault(TenantId.DEFAULT, NOT_STORED);
        ConfigRecord own = tenant.isDefault() ? ofDefault : snapshot.tenants().get(tenant);
        if (own != null && own.config() == null) {
            return null;
        }
        TenantConfig usable = own == null ? null : snapshot.completed(own.config());
        if (usable != null) {
            return usable;
        }
        if (tenant.isDefault() || ofDefault.config() == null) {
            return null;
        }
        TenantConfig completed = snapshot.completed(ofDefault.config());
        return completed == null ? null : settings.unknownTenants().inForce(null, completed);
    }

    /** Returns whether a signal that names no tenant counts for the default tenant. */
    public boolean missingIsDefault(Snapshot snapshot) {
        return settings.missingTenants()
                .countForDefault(snapshot.tenants().keySet().stream().anyMatch(id -> !id.isDefault()));
    }

    /**
     * Returns the tenants' names.
     *
     * @param configs all, as {@link #configs} reads them
     */
    public static NameIndex names(Map<TenantId, ConfigRecord> configs) {
        NameIndex names = new NameIndex();
        configs.forEach((tenant, stored) -> {
            if (stored.config() != null) {
                var unused = names.put(tenant, stored.config().externalIds());
            }
        });
        return names;
    }

    /**
     * Resolves a reference to a tenant. Queries the brokers only for a reference by name.
     *
     * @throws AdminException if no tenant has the name, or several do
     */
    public TenantId resolve(TenantRef ref) {
        if (ref.id() != null) {
            return ref.id();
        }
        NameIndex names = names(configs());
        TenantId found = ref.in(names);
        if (found == null) {
            List<TenantId> claimants = names.claimants(String.valueOf(ref.name()));
            throw new AdminException(
                    claimants.isEmpty()
                            ? "no tenant has the name %s; tidegate tenants ls shows all names".formatted(ref)
                            : "the name %s is in the configs of several tenants, so it refers to none: %s"
                                    .formatted(ref, claimants));
        }
        return found;
    }

    private static ConfigRecord stored(ConsumerRecord<byte[], byte[]> record) {
        ConfigKey key = ConfigKey.tryParse(record.key());
        return new ConfigRecord(
                key == null ? null : StoredConfig.read(key, record.value()).config(), record.offset());
    }

    /**
     * Returns the usage of all tenants that have any, as of the last commit. Empty if no instance has run.
     *
     * @throws AdminException if the signals are decided by another application
     */
    public Map<TenantId, TenantUsage> usages() {
        Map<TenantId, TenantUsage> usages = new TreeMap<>();
        usages((tenant, usage) -> {
            if (usage == null) {
                usages.remove(tenant);
            } else {
                usages.put(tenant, usage);
            }
        });
        return usages;
    }

    /** Passes on every stored usage in the order of writing; null for a deleted one. */
    public void usages(BiConsumer<TenantId, @Nullable TenantUsage> each) {
        try (TopicReader reader = usageReader()) {
            reader.readToEnd(record -> each.accept(
                    StateKeys.tenantOf(record.key()),
                    record.value() == null ? null : TenantUsage.read(record.value())));
        } catch (MissingTopicException e) {
            // The changelog is created when the first instance of the application starts.
            checkApplication();
        }
    }

    /**
     * Checks that this application is the one that decides the signals: the usage of another one is in other topics.
     *
     * @throws AdminException naming the other application
     */
    public void checkApplication() {
        try (TopicSetup setup = new TopicSetup(settings)) {
            setup.checkApplication();
        }
    }

    /** Returns a reader to follow the changing usage of all tenants: pass each record to {@link #put}. */
    public TopicReader usageReader() {
        return new TopicReader(settings, List.of(usageChangelog(settings)));
    }

    static String usageChangelog(Settings settings) {
        return KafkaInternals.changelog(settings.applicationId(), StateKeys.USAGE);
    }

    /** Applies a record of {@link #usageReader}. */
    public static void put(Map<TenantId, TenantUsage> usages, ConsumerRecord<byte[], byte[]> record) {
        TenantId tenant = StateKeys.tenantOf(record.key());
        if (record.value() == null) {
            usages.remove(tenant);
        } else {
            usages.put(tenant, TenantUsage.read(record.value()));
        }
    }

    /** Writes many configs, skipping tenants that have one by then. Returns when all are in the topic. */
    public void addAll(Collection<TenantConfig> configs) {
        String user = TenantOperations.Caller.ofCommandLine().name();
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            Map<ConfigKey, ConfigEdit> edits = new TreeMap<>();
            for (TenantConfig config : configs) {
                edits.put(ConfigKey.of(config.tenantId()), before -> addition(before, config));
                if (edits.size() == TRANSACTION_RECORDS_MAX) {
                    changeAll(writer, edits, user);
                    edits.clear();
                }
            }
            changeAll(writer, edits, user);
        }
    }

    private static ConfigEdit.Result addition(ConfigEdit.Before before, TenantConfig config) {
        boolean isAbsent = before.current().readable() && before.current().config() == null;
        return isAbsent ? new ConfigEdit.Write(config) : new ConfigEdit.Keep();
    }

    private static void changeAll(ConfigWriter writer, Map<ConfigKey, ConfigEdit> edits, String user) {
        for (ConfigWriter.Outcome outcome : writer.changeAll(edits, user).values()) {
            if (outcome instanceof ConfigWriter.Rejected rejected) {
                throw new AdminException(rejected.rejection().message());
            }
        }
    }

    /** Returns a tenant's newest record, with its history. */
    public ConfigWriter.Current current(TenantId tenant) {
        try (ConfigWriter writer = new ConfigWriter(settings)) {
            return writer.current(tenant);
        }
    }
}
