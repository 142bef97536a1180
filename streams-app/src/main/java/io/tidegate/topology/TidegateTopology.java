package io.tidegate.topology;

import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.Router;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.Topics;
import io.tidegate.signal.SignalReader;
import io.tidegate.signal.WriterSchemas;
import io.tidegate.streams.AfterCommit;
import io.tidegate.streams.BeforeCommit;
import io.tidegate.streams.ChangelogTopology;
import io.tidegate.streams.Continuity;
import io.tidegate.wal.DataDir;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.jspecify.annotations.Nullable;

/**
 * The wiring of the stages.
 *
 * <pre>
 *  signals ─▶ route ─▶ signals-by-tenant ─▶ admit ─▶ signals-accepted (the changelog of the files)
 *              │ │                          │ │ └─▶ wal-segments (reports)
 *              │ │                          │ └───▶ quota-exceeded
 *              │ │                          └─────▶ files, after the commit
 *              │ └─▶ quota-exceeded (unknown names), ingress topics of other regions
 *              └───▶ signals-dead-letter
 *
 *  tenant-configs ─▶ every instance          tenant-commands ─▶ admit ─▶ quota-events
 * </pre>
 *
 * <p>The two stages are sub-topologies, connected by a topic: each has its own tasks, which scale and move
 * independently. If producers key by tenant ({@link TopologySettings#keyedIngress}), both stages are one sub-topology,
 * and the topic carries only the signals that are not in their tenant's partition. One Kafka transaction covers the
 * offsets, state changes and output of a task.
 */
public final class TidegateTopology {
    static final String BY_TENANT_SINK = "to-signals-by-tenant";
    /** A prefix; the region follows. */
    static final String FORWARD_SINK = "to-region-";

    static final String DEAD_LETTER_SINK = "to-dead-letter";
    static final String UNKNOWN_NAME_SINK = "to-quota-exceeded-from-route";
    static final String ADMIT_DEAD_LETTER_SINK = "to-dead-letter-from-admit";
    static final String ACCEPTED_SINK = "to-signals-accepted";
    static final String QUOTA_EXCEEDED_SINK = "to-quota-exceeded";
    static final String SEGMENTS_SINK = "to-wal-segments";
    static final String EVENTS_SINK = "to-quota-events";

    private static final String SIGNALS_SOURCE = "signals";
    private static final String BY_TENANT_SOURCE = "signals-by-tenant";
    private static final String COMMANDS_SOURCE = "tenant-commands";
    private static final String ROUTE = "route";
    private static final String ADMIT = "admit";

    /** Kafka silently drops a record with a negative timestamp; here such a record gets the oldest possible time. */
    private static final TimestampExtractor NOT_NEGATIVE = (record, partitionTime) -> Math.max(0, record.timestamp());

    private TidegateTopology() {}

    public static Topology build(
            TopologySettings settings, TenantConfigs configs, DataDir dir, AcceptedTopic accepted) {
        return build(settings, configs, dir, accepted, null, TopologyListener.NONE);
    }

    /** Builds a topology for signals without schemas. */
    public static Topology build(
            TopologySettings settings,
            TenantConfigs configs,
            DataDir dir,
            AcceptedTopic accepted,
            @Nullable Continuity continuity,
            TopologyListener listener) {
        return build(settings, configs, dir, accepted, WriterSchemas.NONE, continuity, listener);
    }

    /**
     * @param configs the configs, filled from {@code tenant-configs} before the first decision
     * @param dir the directory of the WAL
     * @param accepted answers the WAL's questions about {@code signals-accepted}
     * @param schemas the schemas of Avro signals
     * @param continuity checks the continuity of all stages; null if no consumer delivers the records
     * @param listener receives the events of the stages
     */
    public static Topology build(
            TopologySettings settings,
            TenantConfigs configs,
            DataDir dir,
            AcceptedTopic accepted,
            WriterSchemas schemas,
            @Nullable Continuity continuity,
            TopologyListener listener) {
        Topics topics = settings.topics();
        SignalReader reader = new SignalReader(settings.mapping(), schemas);
        Router router = new Router(settings.tenantSource(), reader, configs::named);
        MemoryShare memory = new MemoryShare(settings.cacheBytes());
        ThreadTaskCounts threadTasks = new ThreadTaskCounts();
        AfterCommit afterCommit = continuity == null ? null : continuity.afterCommit();
        Function<@Nullable Consumer<RoutedSignal>, RouteProcessor> route =
                inPlace -> new RouteProcessor(router, settings, configs, listener, inPlace);
        Supplier<AdmitProcessor> admit =
                () -> new AdmitProcessor(settings, configs, reader, memory, threadTasks, afterCommit, listener);

        // The order of the nodes numbers the tasks. The tasks of admit have the same ids in both forms, so their local
        // state stays valid when the setting is changed.
        ChangelogTopology topology = new ChangelogTopology();
        addConfigs(topology, topics, configs);
        addSource(topology, BY_TENANT_SOURCE, topics.byTenant());
        addSource(topology, COMMANDS_SOURCE, topics.commands());
        if (settings.keyedIngress()) {
            addSource(topology, SIGNALS_SOURCE, topics.signals().toArray(String[]::new));
            addKeyed(topology, settings, route, admit, continuity);
        } else {
            topology.addProcessor(ADMIT, guarded(continuity, admit::get), BY_TENANT_SOURCE, COMMANDS_SOURCE);
        }
        completeAdmit(
                topology,
                settings,
                () -> new WalStore(dir, settings.wal(), settings.shards(), accepted, new SkippedRecords(listener)));
        if (!settings.keyedIngress()) {
            addSource(topology, SIGNALS_SOURCE, topics.signals().toArray(String[]::new));
            topology.addProcessor(ROUTE, guarded(continuity, () -> route.apply(null)), SIGNALS_SOURCE);
        }
        completeRoute(topology, settings, settings.keyedIngress() ? ADMIT : ROUTE);
        return topology;
    }

    private static void addConfigs(Topology topology, Topics topics, TenantConfigs configs) {
        // Kafka Streams requires a store for a topic that every instance reads; the parsed table is kept separately.
        // The store is in memory, because a persistent global store can fail to start after a crash.
        topology.addGlobalStore(
                store("tenant-configs", false).withLoggingDisabled(),
                "tenant-configs-source",
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                topics.configs(),
                "tenant-configs-table",
                () -> new ContextualProcessor<byte[], byte[], Void, Void>() {
                    @Override
                    public void process(Record<byte[], byte[]> record) {
                        RecordMetadata metadata = context().recordMetadata().orElseThrow();
                        if (metadata.partition() != 0) {
                            configs.misplaced(metadata.partition(), metadata.offset());
                            return;
                        }
                        configs.apply(record.key(), record.value(), metadata.offset());
                        configs.readAt(record.timestamp());
                    }
                });
    }

    /** Adds the node of both stages. It has the tasks of admit; route gets no separate tasks. */
    private static void addKeyed(
            ChangelogTopology topology,
            TopologySettings settings,
            Function<@Nullable Consumer<RoutedSignal>, RouteProcessor> route,
            Supplier<AdmitProcessor> admit,
            @Nullable Continuity continuity) {
        Set<String> ingress = Set.copyOf(settings.topics().signals());
        topology.addProcessor(
                ADMIT,
                guarded(continuity, () -> {
                    AdmitProcessor decider = admit.get();
                    return new KeyedProcessor(ingress, route.apply(decider::decide), decider);
                }),
                SIGNALS_SOURCE,
                BY_TENANT_SOURCE,
                COMMANDS_SOURCE);
    }

    /** Adds the sinks and stores of stage 1 to the node that runs it. */
    private static void completeRoute(Topology topology, TopologySettings settings, String node) {
        Topics topics = settings.topics();
        topology.addStateStore(beforeCommit(BeforeCommit.ROUTE), node);
        addSink(topology, settings, BY_TENANT_SINK, topics.byTenant(), node);
        addSink(topology, settings, DEAD_LETTER_SINK, topics.deadLetter(), node);
        addSink(topology, settings, UNKNOWN_NAME_SINK, topics.quotaExceeded(), node);
        settings.residency()
                .topics()
                .forEach((region, topic) -> topology.addSink(
                        FORWARD_SINK + region,
                        topic,
                        TenantKey.SERIALIZER,
                        new ByteArraySerializer(),
                        TenantKey.FORWARDED,
                        node));
    }

    /** Adds the sinks and stores of stage 2 to the node that runs it. */
    private static void completeAdmit(ChangelogTopology topology, TopologySettings settings, Supplier<WalStore> wal) {
        Topics topics = settings.topics();
        for (String store : StateKeys.LOGGED_STORES) {
            topology.addStateStore(store(store, true), ADMIT);
        }
        topology.addStateStore(beforeCommit(BeforeCommit.ADMIT), ADMIT);
        topology.addStateStore(new UnloggedStoreBuilder<>(WalStore.NAME, wal), ADMIT);
        topology.connectChangelog(WalStore.NAME, topics.accepted());
        addSink(topology, settings, ACCEPTED_SINK, topics.accepted(), ADMIT);
        addSink(topology, settings, QUOTA_EXCEEDED_SINK, topics.quotaExceeded(), ADMIT);
        addSink(topology, settings, ADMIT_DEAD_LETTER_SINK, topics.deadLetter(), ADMIT);
        addSink(topology, settings, SEGMENTS_SINK, topics.segments(), ADMIT);
        addSink(topology, settings, EVENTS_SINK, topics.events(), ADMIT);
    }

    private static ProcessorSupplier<byte[], byte[], TenantKey, byte[]> guarded(
            @Nullable Continuity continuity, ProcessorSupplier<byte[], byte[], TenantKey, byte[]> stage) {
        return continuity == null ? stage : continuity.guarded(stage);
    }

    private static StoreBuilder<BeforeCommit> beforeCommit(String name) {
        return new UnloggedStoreBuilder<>(name, () -> new BeforeCommit(name));
    }

    private static void addSource(Topology topology, String name, String... topics) {
        topology.addSource(
                AutoOffsetReset.earliest(),
                name,
                NOT_NEGATIVE,
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                topics);
    }

    private static void addSink(
            Topology topology, TopologySettings settings, String name, String topic, String parent) {
        topology.addSink(
                name,
                topic,
                TenantKey.SERIALIZER,
                new ByteArraySerializer(),
                TenantKey.partitioner(settings.shards()),
                parent);
    }

    private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name, boolean persistent) {
        return Stores.keyValueStoreBuilder(
                        persistent ? Stores.persistentKeyValueStore(name) : Stores.inMemoryKeyValueStore(name),
                        Serdes.Bytes(),
                        Serdes.ByteArray())
                .withCachingDisabled();
    }

    /** Builds a store that has no changelog, or whose changelog is its source topic. */
    private static final class UnloggedStoreBuilder<S extends StateStore> implements StoreBuilder<S> {
        private final String name;
        private final Supplier<S> stores;

        UnloggedStoreBuilder(String name, Supplier<S> stores) {
            this.name = name;
            this.stores = stores;
        }

        @Override
        public S build() {
            return stores.get();
        }

        @Override
        public StoreBuilder<S> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<S> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<S> withLoggingEnabled(Map<String, String> config) {
            throw new UnsupportedOperationException(name + " has no changelog of its own");
        }

        @Override
        public StoreBuilder<S> withLoggingDisabled() {
            return this;
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public boolean loggingEnabled() {
            return false;
        }

        @Override
        public String name() {
            return name;
        }
    }
}
