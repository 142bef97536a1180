package io.tidegate.config;

import io.tidegate.admission.EntitySet;
import io.tidegate.admission.HistoryBounds;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalField;
import io.tidegate.signal.SignalMapping;
import io.tidegate.wal.WalSettings;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.jspecify.annotations.Nullable;

/** The definition of each setting: type, default, bounds and a one-line description. The reference is generated from it. */
final class SettingDefinitions {
    private static final int SHARDS_MAX = 10_000;

    private SettingDefinitions() {}

    static ConfigDef all() {
        ConfigDef def = new ConfigDef();
        Definitions instance = new Definitions(def, "Instance");
        instance.add(
                Settings.BOOTSTRAP_SERVERS,
                Type.LIST,
                "localhost:9092",
                null,
                Importance.HIGH,
                "Bootstrap servers of the Kafka cluster, HOST:PORT.");
        instance.add(
                Settings.APPLICATION_ID,
                Type.STRING,
                "tidegate",
                new ConfigDef.NonEmptyString(),
                Importance.HIGH,
                "Instances with the same id share the work. Also the consumer group and the prefix of internal topics.");
        instance.add(
                Settings.DATA_DIR,
                Type.STRING,
                "data",
                new ConfigDef.NonEmptyString(),
                Importance.HIGH,
                "Directory of the WAL and local state. Only one process at a time can use it.");
        instance.add(
                Settings.INSTANCE,
                Type.STRING,
                null,
                null,
                Importance.LOW,
                "This instance's name in reports. Default: the host's name.");
        instance.add(
                Settings.REGION,
                Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "The region in which this instance writes. A tenant with required_regions is accepted only if this region is one of them.");
        instance.add(
                Settings.REGION_TOPICS,
                Type.LIST,
                "",
                null,
                Importance.MEDIUM,
                "The ingress topic of each region, REGION:TOPIC. A signal whose tenant must be in other regions is forwarded"
                        + " to one of these. The same on all instances of all regions.");
        instance.add(
                Settings.THREADS,
                Type.INT,
                0,
                Range.between(0, 1024),
                Importance.MEDIUM,
                "Stream threads of this instance; 0 = one for each processor.");
        instance.add(
                Settings.STANDBY_REPLICAS,
                Type.INT,
                0,
                Range.between(0, 10),
                Importance.MEDIUM,
                "Additional instances that keep a copy of each shard's state and WAL, ready to take over.");
        instance.add(
                Settings.GROUP_PROTOCOL,
                Type.STRING,
                "streams",
                ValidString.in("streams", "classic"),
                Importance.MEDIUM,
                "How instances share the work: `streams` (KIP-1071, brokers 4.2 and later) or `classic`.");
        instance.add(
                Settings.SESSION_TIMEOUT_MS,
                Type.INT,
                (int) Duration.ofSeconds(10).toMillis(),
                Range.between(1000, 1_800_000),
                Importance.MEDIUM,
                "How long an instance may be silent before others take over its shards. Brokers limit it"
                        + " (`streams`: at least group.streams.min.session.timeout.ms, 45 s unless changed). If they reject the"
                        + " value, their own applies and a warning is logged.");
        instance.add(
                Settings.COMMIT_INTERVAL_MS,
                Type.LONG,
                50L,
                Range.between(1, 60_000),
                Importance.MEDIUM,
                "Interval between commits of a transaction, which is the delay that each stage adds. A thread with a backlog"
                        + " commits every 500 ms or every `commit.interval.ms`, whichever is longer, because each commit takes time.");
        instance.add(
                Settings.CACHE_BYTES,
                Type.LONG,
                512L * 1024 * 1024,
                Range.atLeast(0),
                Importance.MEDIUM,
                "Memory, over all shards, for tenants' usage and entities (about 30 bytes each); at most half of the heap."
                        + " Usage that does not fit is read again at the tenant's next signal.");
        instance.add(
                Settings.STATE_MEMORY_BYTES,
                Type.LONG,
                0L,
                Range.atLeast(0),
                Importance.MEDIUM,
                "Memory outside the heap, over all shards, for the state stores (RocksDB): one half for their write"
                        + " buffers, the other for the cache that they share. At least 512 KiB for each of the four stores"
                        + " of a shard. 0 = a quarter of the heap limit, or that minimum. Has no effect if"
                        + " kafka.rocksdb.config.setter is set.");
        instance.add(
                Settings.ENTITIES_MAX,
                Type.LONG,
                0L,
                Range.between(0, EntitySet.ENTITIES_MAX),
                Importance.MEDIUM,
                "Entities that one tenant can have, whatever its own quota: more are rejected with entity_limit, so that no"
                        + " tenant exhausts an instance's memory. 0 = what the heap holds if every shard has such a tenant:"
                        + " the larger of cache.bytes and a quarter of the heap, ÷ shards ÷ 54 bytes, rounded down to one"
                        + " digit. The same on all instances: if it is derived, give all of them the same heap, or the"
                        + " limit of a tenant depends on the instance that owns its shard.");
        instance.add(
                Settings.CACHED_TENANTS,
                Type.INT,
                200_000,
                Range.atLeast(1),
                Importance.LOW,
                "Tenants whose usage each shard keeps in memory; others are read again at their next signal.");
        instance.add(
                Settings.HISTORY_ENTRIES_MAX,
                Type.INT,
                HistoryBounds.ENTRIES_DEFAULT,
                Range.between(HistoryBounds.ENTRIES_MIN, 4_000_000),
                Importance.LOW,
                "Maximum history entries of a tenant with a rate; one entry for each millisecond with accepted signals, 20 to"
                        + " 40 bytes each. The history is needed to judge late signals at their own time. A tenant that exceeds this before lateness.max.ms has a shorter"
                        + " history: older signals may be rejected unnecessarily, and are never accepted wrongly. The"
                        + " same on all instances.");
        Definitions tenants = new Definitions(def, "Tenants");
        tenants.add(
                Settings.TENANT_SOURCE,
                Type.STRING,
                "value",
                ValidString.in("value", "header", "key", "topic"),
                Importance.HIGH,
                "Where a signal's tenant is read: the place that signal.tenant names (`value`), the header tidegate-tenant, the"
                        + " record key, or the suffix .<id> of the topic's name. With all but `value`, a value that"
                        + " names a different tenant counts as spoofing and goes to the dead-letter topic.");
        tenants.add(
                Settings.TENANTS_UNKNOWN,
                Type.STRING,
                "reject",
                ValidString.in("reject", "default-config"),
                Importance.HIGH,
                "What happens to tenants without a config: they are rejected (tenant_unknown), or get the config of"
                        + " tenant 0.");
        tenants.add(
                Settings.TENANTS_MISSING,
                Type.STRING,
                "reject",
                ValidString.in("reject", "default"),
                Importance.HIGH,
                "What happens to signals that name no tenant, once a tenant other than 0 is configured: they go to the"
                        + " dead-letter topic (tenant_missing), or count for tenant 0. Before that they count for tenant 0."
                        + " The same on all instances.");
        tenants.add(
                Settings.REQUIRE_LOG_APPEND_TIME,
                Type.BOOLEAN,
                true,
                null,
                Importance.MEDIUM,
                "If true, an instance does not start while producers set the timestamps of signals: they could refill their"
                        + " own buckets.");
        tenants.add(
                Settings.LATENESS_MAX_MS,
                Type.LONG,
                Duration.ofMinutes(1).toMillis(),
                Range.between(1_000, Duration.ofHours(1).toMillis()),
                Importance.MEDIUM,
                "The maximum age, relative to the tenant's newest signal, up to which a signal is judged at its own time."
                        + " During a backlog, no partition of the ingress topics is read further ahead of the slowest one than"
                        + " this. The same on all instances.");
        tenants.add(
                Settings.ALIGNMENT_WAIT_MAX_MS,
                Type.LONG,
                Duration.ofMinutes(1).toMillis(),
                Range.between(0, Duration.ofHours(1).toMillis()),
                Importance.LOW,
                "How long partitions of the ingress topics wait for one that makes no progress, such as that of an instance that"
                        + " hangs; set it above the time of a takeover. 0 = they never wait: a backlog may then be read in an"
                        + " order that rejects signals within their limits.");
        signals(new Definitions(def, "Signals"));
        Definitions topics = new Definitions(def, "Topics");
        topics.add(
                Settings.SHARDS,
                Type.INT,
                8,
                Range.between(1, SHARDS_MAX),
                Importance.HIGH,
                "Partitions of the topics keyed by tenant: the maximum number of tasks that decide. Cannot be changed later.");
        topics.add(
                Settings.INGRESS_PARTITIONING,
                Type.STRING,
                Settings.UNKEYED,
                ValidString.in(Settings.UNKEYED, Settings.KEYED),
                Importance.MEDIUM,
                "How producers choose the partition of a signal. `tenant`: most of them key by the decimal tenant id, and the"
                        + " ingress topics have as many partitions as shards; a signal in its tenant's partition skips the"
                        + " inner topic, and every other signal takes it, so the outcome is the same. `any`: every signal"
                        + " takes it. The same on all instances; to change it, stop all of them.");
        topics.add(
                Settings.REPLICATION_FACTOR,
                Type.SHORT,
                (short) -1,
                Range.atLeast(-1),
                Importance.HIGH,
                "Replication factor of the topics that Tidegate creates; -1 = the broker's default.");
        topics.add(
                Settings.TOPIC_SIGNALS,
                Type.LIST,
                "signals",
                null,
                Importance.HIGH,
                "The ingress topics, to which producers write.");
        topics.topic(Settings.TOPIC_BY_TENANT, "signals-by-tenant", "Signals keyed by tenant.");
        topics.topic(Settings.TOPIC_CONFIGS, "tenant-configs", "Tenants' configs.");
        topics.topic(Settings.TOPIC_ACCEPTED, "signals-accepted", "Accepted signals, numbered for each tenant.");
        topics.topic(Settings.TOPIC_QUOTA_EXCEEDED, "quota-exceeded", "Rejected signals, with the reason.");
        topics.topic(
                Settings.TOPIC_DEAD_LETTER, "signals-dead-letter", "Records that cannot be judged, with the reason.");
        topics.topic(Settings.TOPIC_SEGMENTS, "wal-segments", "Reports of sealed WAL segments.");
        topics.topic(Settings.TOPIC_COMMANDS, "tenant-commands", "Commands on tenants' state, such as pruning.");
        topics.topic(
                Settings.TOPIC_EVENTS, "quota-events", "Levels of quotas reached and left, and answers to commands.");
        topics.topic(
                Settings.TOPIC_OWNERS,
                "tidegate-owners",
                "Records the owner of each topic. The same for all applications of a cluster: it prevents two of them from"
                        + " using the same topics.");
        topics.add(
                Settings.TOPICS_CHECK_INTERVAL_MS,
                Type.LONG,
                20_000L,
                Range.between(1000, 60_000),
                Importance.LOW,
                "How often a running instance checks the settings of its topics.");
        topics.add(
                Settings.BY_TENANT_RETENTION_MS,
                Type.LONG,
                Duration.ofHours(24).toMillis(),
                Range.atLeast(-1),
                Importance.LOW,
                "How much longer `signals-by-tenant` is kept than the ingress topics, if Tidegate creates it. -1 ="
                        + " indefinitely.");
        topics.add(
                Settings.ACCEPTED_RETENTION_MS,
                Type.LONG,
                -1L,
                Range.atLeast(-1),
                Importance.MEDIUM,
                "How long signals-accepted is kept, if Tidegate creates it; the WAL of deleted records cannot be rebuilt"
                        + " from it. -1 = indefinitely.");
        Definitions wal = new Definitions(def, "WAL");
        wal.add(
                Settings.WAL_SEGMENT_BYTES,
                Type.LONG,
                WalSettings.SEGMENT_BYTES_DEFAULT,
                Range.between(1024, 1L << 30),
                Importance.MEDIUM,
                "A segment is sealed when its records' own bytes reach this. The same on all instances, and never changed"
                        + ": the data directory records it.");
        wal.add(
                Settings.WAL_SEGMENT_MS,
                Type.LONG,
                Duration.ofHours(24).toMillis(),
                Range.atLeast(1000),
                Importance.MEDIUM,
                "A segment is sealed by the first record that is this much newer than the segment's first. The same on all"
                        + " instances, and never changed.");
        wal.add(
                Settings.WAL_WRITE_INTERVAL_MS,
                Type.LONG,
                100L,
                Range.between(1, 60_000),
                Importance.LOW,
                "How long an accepted signal may wait in memory before it is written to its file; up to 30 s more while"
                        + " writing is slow, so that writing takes at most a tenth of the thread's time. If more tenants have signals"
                        + " than files may be open (wal.open.files.max), the signals of the others wait for the checkpoint.");
        wal.add(
                Settings.WAL_CHECKPOINT_INTERVAL_MS,
                Type.LONG,
                5000L,
                Range.between(1, 3_600_000),
                Importance.LOW,
                "Interval between checkpoints, which fsync files and record the position in signals-accepted; after a power loss this"
                        + " much is read again. Up to 30 s more while that is slow, so that they take at most a tenth of the thread's time;"
                        + " up to six times as long while the signals of more tenants wait than files may be open.");
        wal.add(
                Settings.WAL_OPEN_FILES_MAX,
                Type.INT,
                1024,
                Range.atLeast(16),
                Importance.LOW,
                "Segment files that this instance may keep open. Each shard gets this number ÷ shards, but at least 8.");
        wal.add(
                Settings.WAL_COMPRESSION,
                Type.STRING,
                "none",
                ValidString.in("none", "gzip", "snappy", "lz4", "zstd"),
                Importance.LOW,
                "Compression of the batches in segment files.");
        wal.add(
                Settings.DISK_MIN_FREE_BYTES,
                Type.LONG,
                256L * 1024 * 1024,
                Range.atLeast(0),
                Importance.MEDIUM,
                "Below this much free space in data.dir the instance pauses, and resumes by itself when there is more.");
        http(new Definitions(def, "HTTP"));
        Definitions watching = new Definitions(def, "Watching");
        watching.add(
                Settings.LOG_FORMAT,
                Type.STRING,
                "auto",
                ValidString.in("auto", "text", "json"),
                Importance.LOW,
                "`text` for people, `json` for programs: one object per line. `auto` is JSON in a container that has no"
                        + " terminal, and text elsewhere.");
        watching.add(
                Settings.METRICS_TENANTS_MAX,
                Type.INT,
                100,
                Range.between(1, 10_000),
                Importance.LOW,
                "Maximum number of tenants with their own metric label; all others count as `_other`. Rejections name the"
                        + " most-rejected tenants; quotas name the tenants that use 80 % of a limit or more, then the most-rejected ones.");
        return def;
    }

    private static void signals(Definitions signals) {
        signals.add(
                Settings.SIGNAL_FORMAT,
                Type.STRING,
                "json",
                ValidString.in("json", "avro", "opaque"),
                Importance.HIGH,
                "The format of signal values: a `json` object in UTF-8; an `avro` record after the id of its schema in a"
                        + " schema registry; or `opaque`: any bytes, which are not parsed. Then the settings below name"
                        + " headers or the key. With `avro` and `opaque`, those that are not set are empty. The same on all"
                        + " instances.");
        signals.add(
                SignalField.TENANT.setting(),
                Type.STRING,
                "/tenant_id",
                null,
                Importance.HIGH,
                "Where the tenant is, if tenant.source is `value`: a JSON pointer (RFC 6901) such as /account/id,"
                        + " header:NAME, `key` (the record's key), or empty. With another tenant.source, a pointer names"
                        + " a value that must not differ from it. The same on all instances.");
        signals.add(
                SignalField.TYPE.setting(),
                Type.STRING,
                "/signal",
                null,
                Importance.MEDIUM,
                "Where the type of a signal is, in the same forms. The same on all instances.");
        for (SignalField field : List.of(SignalField.ITEM, SignalField.USER, SignalField.CREATOR)) {
            String kind = field.name().toLowerCase(Locale.ROOT);
            signals.add(
                    field.setting(),
                    Type.LIST,
                    "/" + kind,
                    null,
                    Importance.MEDIUM,
                    ("Where the ids of %ss are, in the same forms; up to %d places, separated by commas. Each id in an array counts as"
                                    + " one %s; a signal can name %d entities. The same on all instances.")
                            .formatted(kind, SignalMapping.SOURCES_MAX, kind, Signal.ENTITIES_MAX));
        }
        registry(signals);
    }

    private static void registry(Definitions signals) {
        signals.add(
                Settings.SCHEMA_REGISTRY_URL,
                Type.LIST,
                "",
                null,
                Importance.MEDIUM,
                ("With signal.format=avro: the addresses of the schema registry, such as https://registry:8081; up to %d addresses"
                                + " of one registry, separated by commas. If one does not answer, the next is tried.")
                        .formatted(SchemaRegistrySettings.URLS_MAX));
        signals.add(
                Settings.SCHEMA_REGISTRY_CREDENTIALS_FILE,
                Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "A file with one line USER:PASSWORD, for basic authentication at the schema registry. It is read again"
                        + " for each lookup, so a new password needs no restart. Default: none are sent.");
        signals.add(
                Settings.SCHEMA_REGISTRY_CA_FILE,
                Type.STRING,
                null,
                null,
                Importance.LOW,
                "Certificates to trust in requests to the schema registry, as PEM. Default: Java's trusted certificates.");
        signals.add(
                Settings.SCHEMA_REGISTRY_TIMEOUT_MS,
                Type.LONG,
                3_000L,
                Range.between(100, 5_000),
                Importance.LOW,
                "How long one lookup of a schema may take, over all addresses. Signals that need the schema wait in Kafka"
                        + " until a lookup succeeds.");
        signals.add(
                Settings.SCHEMA_REGISTRY_SCHEMAS_MAX,
                Type.INT,
                1_000,
                Range.between(16, 1_000_000),
                Importance.LOW,
                "Schemas that an instance keeps in memory. Choose more than are in use at the same time.");
    }

    private static void http(Definitions http) {
        http.add(
                Settings.HTTP_PORT,
                Type.INT,
                8080,
                Range.between(HttpSettings.NO_PORT, 65_535),
                Importance.HIGH,
                "Port of the HTTP API and the dashboard; 0 = any free port, -1 = no server.");
        http.add(
                Settings.HTTP_BIND,
                Type.STRING,
                "127.0.0.1",
                new ConfigDef.NonEmptyString(),
                Importance.HIGH,
                "The address to listen on, such as 0.0.0.0. Any other address than loopback"
                        + " requires http.tokens.file.");
        http.add(
                Settings.HTTP_ADVERTISED,
                Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "HOST:PORT at which other instances reach this one. Default: the address and port listened on, or the"
                        + " host's name if it listens on all addresses.");
        http.add(
                Settings.HTTP_TOKENS_FILE,
                Type.STRING,
                null,
                null,
                Importance.HIGH,
                "Tokens and their roles: lines of NAME ROLE TOKEN, where ROLE is admin, read, tenant:ID or tenant-admin:ID."
                        + " The same on all instances. Without it, no token is required, and the server can listen only on loopback.");
        http.add(
                Settings.HTTP_TLS_CERTIFICATE_FILE,
                Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "The server's certificate and its chain, as PEM. Default: no TLS.");
        http.add(
                Settings.HTTP_TLS_KEY_FILE,
                Type.STRING,
                null,
                null,
                Importance.MEDIUM,
                "The certificate's private key as PEM (PKCS #8, not encrypted).");
        http.add(
                Settings.HTTP_TLS_CA_FILE,
                Type.STRING,
                null,
                null,
                Importance.LOW,
                "Certificates to trust in requests to other instances and in `tidegate status`, as PEM. Default: Java's trusted certificates.");
        http.add(
                Settings.HTTP_STREAMS_MAX,
                Type.INT,
                64,
                Range.between(0, 10_000),
                Importance.LOW,
                "Concurrent live streams of rejections, at most half of http.connections.max; more are rejected.");
        http.add(
                Settings.HTTP_CONNECTIONS_MAX,
                Type.INT,
                1024,
                Range.between(16, 100_000),
                Importance.LOW,
                "Open connections; a further one displaces the one that has waited longest for a request.");
    }

    /** Adds the settings of one group in order. */
    private static final class Definitions {
        private final ConfigDef def;
        private final String group;
        private int order;

        Definitions(ConfigDef def, String group) {
            this.def = def;
            this.group = group;
        }

        void add(
                String name,
                Type type,
                @Nullable Object defaultValue,
                ConfigDef.@Nullable Validator validator,
                Importance importance,
                String doc) {
            def.define(
                    name, type, defaultValue, validator, importance, doc, group, order++, ConfigDef.Width.MEDIUM, name);
        }

        void topic(String name, String defaultValue, String doc) {
            add(name, Type.STRING, defaultValue, new ConfigDef.NonEmptyString(), Importance.LOW, doc);
        }
    }
}
