package io.tidegate.topologytests.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.HistoryBounds;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.contract.Topics;
import io.tidegate.signal.SignalMapping;
import io.tidegate.signal.WriterSchemas;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TidegateTopology;
import io.tidegate.topology.TopologyListener;
import io.tidegate.topology.TopologySettings;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalReader;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyDescription;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.test.TestRecord;
import org.jspecify.annotations.Nullable;

/**
 * The whole topology in Kafka's driver, without a broker. It processes one record at a time, every topic has one partition, and
 * each stage's output is the next stage's input.
 *
 * <p>The driver deletes Kafka Streams' own state when it is closed; the WAL in the data directory stays.
 */
final class TopologyFixture implements AutoCloseable {
    /** The record time at which most tests begin. */
    static final long T0 = 1_800_000_000_000L;

    static final String ACCEPTED = "accepted";

    static final String SIGNALS = "signals";
    static final String BY_TENANT = "signals-by-tenant";
    static final String SIGNALS_ACCEPTED = "signals-accepted";
    static final String QUOTA_EXCEEDED = "quota-exceeded";
    static final String DEAD_LETTER = "signals-dead-letter";
    static final String WAL_SEGMENTS = "wal-segments";
    static final String TENANT_COMMANDS = "tenant-commands";
    static final String QUOTA_EVENTS = "quota-events";
    private static final String TENANT_CONFIGS = "tenant-configs";
    private static final String APPLICATION = "tidegate-test";

    private static final Duration WAL_WRITE_INTERVAL = Duration.ofMillis(100);
    private static final byte[] NO_KEY = null;

    private final DataDir dataDir;
    private final TenantConfigs configs;
    private final TopologyTestDriver driver;

    private final Topology topology;

    private TopologyFixture(Setup setup) {
        dataDir = new DataDir(setup.root);
        configs = new TenantConfigs(setup.unknown, setup.missing);
        Topics topics = new Topics(
                setup.signals,
                BY_TENANT,
                TENANT_CONFIGS,
                SIGNALS_ACCEPTED,
                QUOTA_EXCEEDED,
                DEAD_LETTER,
                WAL_SEGMENTS,
                TENANT_COMMANDS,
                QUOTA_EVENTS);
        TopologySettings settings = new TopologySettings(
                topics,
                setup.tenantSource,
                setup.mapping,
                setup.region,
                new Residency(setup.region, setup.regionTopics),
                "test-instance",
                setup.sizes,
                setup.cachedTenants,
                setup.cacheBytes,
                setup.entitiesMax,
                setup.history,
                WalSettings.of(setup.segmentBytes, setup.segmentAge, 4, Compression.NONE),
                WAL_WRITE_INTERVAL,
                Duration.ofSeconds(1),
                setup.shards,
                setup.keyed);
        Properties properties = new Properties();
        properties.setProperty(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION);
        properties.setProperty(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:1");
        properties.setProperty(
                StreamsConfig.STATE_DIR_CONFIG, dataDir.streamsState().toString());
        properties.setProperty(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        topology =
                TidegateTopology.build(settings, configs, dataDir, new Accepted(), setup.schemas, null, setup.listener);
        driver = new TopologyTestDriver(topology, properties, setup.wallClock);
    }

    /** Reads from the driver's own store, the only copy of the topic. */
    private final class Accepted implements AcceptedTopic {
        @Override
        public boolean beginningIsGone(int partition) {
            return false;
        }

        @Override
        public boolean isGap(int partition, TenantId tenant, long nextSeq, long seq, long offset) {
            byte[] stored =
                    driver.<Bytes, byte[]>getKeyValueStore(StateKeys.USAGE).get(StateKeys.usage(tenant));
            return stored != null && seq < TenantUsage.read(stored).acceptedCount();
        }
    }

    static Setup in(Path root) {
        return new Setup(root);
    }

    /** The settings before the start. The defaults are the program's, except for smaller segments. */
    static final class Setup {
        private final Path root;
        private List<String> signals = List.of(SIGNALS);
        private TenantSource tenantSource = TenantSource.VALUE;
        private SignalMapping mapping = SignalMapping.DEFAULT;
        private WriterSchemas schemas = WriterSchemas.NONE;
        private @Nullable String region;
        private Map<String, String> regionTopics = Map.of();
        private UnknownTenants unknown = UnknownTenants.REJECT;
        private MissingTenants missing = MissingTenants.REJECT;
        private RecordSizes sizes = RecordSizes.kafkaDefaults();
        private int cachedTenants = 1_000;
        private long cacheBytes = 64 * 1024 * 1024;
        private long entitiesMax = 1_000_000;
        private HistoryBounds history = HistoryBounds.DEFAULT;
        private long segmentBytes = 64 * 1024;
        private Duration segmentAge = Duration.ofDays(1);
        private int shards = 1;
        private boolean keyed;
        private TopologyListener listener = TopologyListener.NONE;
        private Instant wallClock = Instant.ofEpochMilli(T0);

        private Setup(Path root) {
            this.root = root;
        }

        Setup signals(String... topics) {
            signals = List.of(topics);
            return this;
        }

        Setup tenantSource(TenantSource source) {
            tenantSource = source;
            return this;
        }

        Setup mapping(SignalMapping places) {
            mapping = places;
            return this;
        }

        Setup schemas(WriterSchemas known) {
            schemas = known;
            return this;
        }

        Setup region(String name) {
            region = name;
            return this;
        }

        Setup regionTopics(Map<String, String> topics) {
            regionTopics = topics;
            return this;
        }

        Setup unknown(UnknownTenants rule) {
            unknown = rule;
            return this;
        }

        Setup missing(MissingTenants rule) {
            missing = rule;
            return this;
        }

        Setup sizes(RecordSizes limits) {
            sizes = limits;
            return this;
        }

        Setup cachedTenants(int tenants) {
            cachedTenants = tenants;
            return this;
        }

        Setup history(HistoryBounds bounds) {
            history = bounds;
            return this;
        }

        Setup cacheBytes(long bytes) {
            cacheBytes = bytes;
            return this;
        }

        Setup entitiesMax(long entities) {
            entitiesMax = entities;
            return this;
        }

        Setup segmentBytes(long bytes) {
            segmentBytes = bytes;
            return this;
        }

        Setup segmentAge(Duration age) {
            segmentAge = age;
            return this;
        }

        /** Sets the number of shards. All topics still have only one partition, the first. */
        Setup shards(int number) {
            shards = number;
            return this;
        }

        /** Keyed by tenant, both stages are one task. */
        Setup keyed(boolean both) {
            keyed = both;
            return this;
        }

        Setup listener(TopologyListener told) {
            listener = told;
            return this;
        }

        Setup wallClock(Instant start) {
            wallClock = start;
            return this;
        }

        TopologyFixture start() {
            return new TopologyFixture(this);
        }
    }

    /**
     * The outcome of a signal.
     *
     * @param topic one of the three output topics
     * @param record as written there
     */
    record Outcome(String topic, TestRecord<byte[], byte[]> record) {
        /** {@link #ACCEPTED}, or the reason's id. */
        String verdict() {
            return topic.equals(SIGNALS_ACCEPTED) ? ACCEPTED : String.valueOf(header(TidegateHeaders.REASON));
        }

        @Nullable
        String header(String name) {
            return TidegateHeaders.text(record.headers(), name);
        }

        String key() {
            return text(record.key());
        }

        String value() {
            return text(record.value());
        }

        long offsetOfSource() {
            return Long.parseLong(String.valueOf(header(TidegateHeaders.SOURCE_OFFSET)));
        }
    }

    /** The sub-topologies, whose ids are those of tasks. */
    Set<TopologyDescription.Subtopology> subtopologies() {
        return topology.describe().subtopologies();
    }

    DataDir dataDir() {
        return dataDir;
    }

    long rejectedConfigs() {
        return configs.rejectedCount();
    }

    /** Stores a config of the tenant with these fields, given as JSON without the braces. */
    void config(String tenant, String fields) {
        String comma = fields.isEmpty() ? "" : ",";
        configRecord(bytes(tenant), bytes("{\"tenant_id\":" + tenant + comma + fields + "}"));
    }

    void configRecord(byte @Nullable [] key, byte @Nullable [] value) {
        pipe(TENANT_CONFIGS, new TestRecord<>(key, value, new RecordHeaders(), T0));
    }

    /** Sends a signal of the tenant; returns its outcome. */
    Outcome send(String tenant, long timestampMs, String... fields) {
        return send(signal(tenant, timestampMs, fields));
    }

    Outcome send(TestRecord<byte[], byte[]> signal) {
        return send(SIGNALS, signal);
    }

    /** Sends a record, and checks that it has exactly one outcome. */
    Outcome send(String topic, TestRecord<byte[], byte[]> signal) {
        pipe(topic, signal);
        return theOutcome();
    }

    /** Sends a record with a timestamp that only a faulty producer sets: {@link TestRecord} rejects it. */
    Outcome sendAtNegativeTime(byte[] value) {
        driver.createInputTopic(
                        SIGNALS,
                        new ByteArraySerializer(),
                        new ByteArraySerializer(),
                        Instant.ofEpochMilli(-5),
                        Duration.ZERO)
                .pipeInput(value);
        return theOutcome();
    }

    private Outcome theOutcome() {
        List<Outcome> outcomes = Stream.of(SIGNALS_ACCEPTED, QUOTA_EXCEEDED, DEAD_LETTER)
                .flatMap(end -> read(end).stream().map(record -> new Outcome(end, record)))
                .toList();
        assertThat(outcomes).as("the places where one record ended").hasSize(1);
        return outcomes.get(0);
    }

    /** The verdicts on {@code count} equal signals. */
    List<String> verdicts(int count, String tenant, long timestampMs, String... fields) {
        List<String> verdicts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            verdicts.add(send(tenant, timestampMs, fields).verdict());
        }
        return verdicts;
    }

    void pipe(String topic, TestRecord<byte[], byte[]> record) {
        // A copy of the headers, because the topology changes those of its input.
        driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer())
                .pipeInput(new TestRecord<>(record.key(), record.value(), record.headers(), record.timestamp()));
    }

    /** The records written to a topic since the last read. */
    List<TestRecord<byte[], byte[]>> read(String topic) {
        return driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer())
                .readRecordsToList();
    }

    /** The records written to the changelog of a store since the last read. */
    List<TestRecord<byte[], byte[]>> readChangelog(String store) {
        return read(APPLICATION + "-" + store + "-changelog");
    }

    /** A store, which a test can fill as Kafka Streams does from its changelog. */
    <K> KeyValueStore<K, byte[]> store(String name) {
        return driver.getKeyValueStore(name);
    }

    /** The number of a tenant's entities. */
    long entities(String tenant) {
        byte[] stored = this.<Bytes>store(StateKeys.USAGE).get(StateKeys.usage(TenantId.parse(tenant)));
        return stored == null ? 0 : TenantUsage.read(stored).entityCount();
    }

    /** Waits for the reports of sealed segments, which are in the transaction after the one that sealed them. */
    void awaitReports() {
        advanceWallClock(WAL_WRITE_INTERVAL);
    }

    void advanceWallClock(Duration by) {
        driver.advanceWallClockTime(by);
    }

    /** A tenant's WAL, read from its files. */
    List<WalRecord> wal(String tenant) {
        advanceWallClock(WAL_WRITE_INTERVAL);
        List<WalRecord> records = new ArrayList<>();
        try (WalReader reader = WalReader.open(dataDir, TenantId.parse(tenant), 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                records.add(record);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return records;
    }

    @Override
    public void close() {
        driver.close();
    }

    /** A signal of the tenant with these additional fields, without a key. */
    static TestRecord<byte[], byte[]> signal(String tenant, long timestampMs, String... fields) {
        return record("{\"tenant_id\":" + tenant + (fields.length == 0 ? "" : ",") + String.join(",", fields) + "}")
                .at(timestampMs);
    }

    static Draft record(String value) {
        return record(bytes(value));
    }

    static Draft record(byte @Nullable [] value) {
        return new Draft(value);
    }

    /** Builds a record: at {@link #T0}, without key and headers by default. */
    static final class Draft {
        private final byte @Nullable [] value;
        private final RecordHeaders headers = new RecordHeaders();
        private byte @Nullable [] key = NO_KEY;

        private Draft(byte @Nullable [] value) {
            this.value = value;
        }

        Draft key(String text) {
            key = bytes(text);
            return this;
        }

        Draft header(String name, @Nullable String text) {
            headers.add(name, text == null ? null : bytes(text));
            return this;
        }

        TestRecord<byte[], byte[]> at(long timestampMs) {
            return new TestRecord<>(key, value, headers, timestampMs);
        }

        TestRecord<byte[], byte[]> now() {
            return at(T0);
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte @Nullable [] bytes) {
        return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
    }

    /** The headers as {@code name=value}, in their order. */
    static List<String> lines(Iterable<Header> headers) {
        List<String> lines = new ArrayList<>();
        headers.forEach(header -> lines.add(header.key() + "=" + text(header.value())));
        return lines;
    }
}
