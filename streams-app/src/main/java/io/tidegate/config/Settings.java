package io.tidegate.config;

import io.tidegate.admission.EntitySet;
import io.tidegate.admission.HistoryBounds;
import io.tidegate.config.SettingsLoader.Origin;
import io.tidegate.contract.Residency;
import io.tidegate.contract.Router;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.Topics;
import io.tidegate.signal.SignalField;
import io.tidegate.signal.SignalMapping;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.wal.WalSettings;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.streams.StreamsConfig;
import org.jspecify.annotations.Nullable;

/**
 * All settings of a Tidegate instance, validated.
 *
 * <p>A value comes from the first of: a flag, the environment ({@code TIDEGATE_DATA_DIR} for {@code data.dir}), the properties
 * file, the default. Keys that begin with {@code kafka.} go to the Kafka clients unchanged, without the prefix. Relations
 * between settings are checked here too, before anything is changed.
 */
public final class Settings {
    public static final String BOOTSTRAP_SERVERS = "bootstrap.servers";
    public static final String APPLICATION_ID = "application.id";
    public static final String DATA_DIR = "data.dir";
    public static final String INSTANCE = "instance";
    public static final String REGION = "region";
    public static final String REGION_TOPICS = "region.topics";
    public static final String SHARDS = "shards";
    public static final String INGRESS_PARTITIONING = "ingress.partitioning";
    public static final String THREADS = "threads";
    public static final String REPLICATION_FACTOR = "replication.factor";
    public static final String STANDBY_REPLICAS = "standby.replicas";
    public static final String GROUP_PROTOCOL = "group.protocol";
    public static final String SESSION_TIMEOUT_MS = "session.timeout.ms";
    public static final String COMMIT_INTERVAL_MS = "commit.interval.ms";
    public static final String CACHE_BYTES = "cache.bytes";
    public static final String STATE_MEMORY_BYTES = "state.memory.bytes";
    public static final String ENTITIES_MAX = "entities.max";
    public static final String HISTORY_ENTRIES_MAX = "history.entries.max";
    public static final String CACHED_TENANTS = "cached.tenants.max";
    public static final String TENANT_SOURCE = "tenant.source";
    public static final String TENANTS_UNKNOWN = "tenants.unknown";
    public static final String TENANTS_MISSING = "tenants.missing";
    public static final String SIGNAL_FORMAT = "signal.format";
    public static final String SCHEMA_REGISTRY_URL = "schema.registry.url";
    public static final String SCHEMA_REGISTRY_CREDENTIALS_FILE = "schema.registry.credentials.file";
    public static final String SCHEMA_REGISTRY_CA_FILE = "schema.registry.ca.file";
    public static final String SCHEMA_REGISTRY_TIMEOUT_MS = "schema.registry.timeout.ms";
    public static final String SCHEMA_REGISTRY_SCHEMAS_MAX = "schema.registry.schemas.max";
    public static final String REQUIRE_LOG_APPEND_TIME = "signals.require.log.append.time";
    public static final String LATENESS_MAX_MS = "lateness.max.ms";
    public static final String TOPIC_SIGNALS = "topic.signals";
    public static final String TOPIC_BY_TENANT = "topic.signals.by.tenant";
    public static final String TOPIC_CONFIGS = "topic.tenant.configs";
    public static final String TOPIC_ACCEPTED = "topic.signals.accepted";
    public static final String TOPIC_QUOTA_EXCEEDED = "topic.quota.exceeded";
    public static final String TOPIC_DEAD_LETTER = "topic.signals.dead.letter";
    public static final String TOPIC_SEGMENTS = "topic.wal.segments";
    public static final String TOPIC_COMMANDS = "topic.tenant.commands";
    public static final String TOPIC_EVENTS = "topic.quota.events";
    public static final String TOPIC_OWNERS = "topic.owners";
    public static final String TOPICS_CHECK_INTERVAL_MS = "topics.check.interval.ms";
    public static final String BY_TENANT_RETENTION_MS = "signals.by.tenant.retention.ms";
    public static final String ACCEPTED_RETENTION_MS = "signals.accepted.retention.ms";
    public static final String ALIGNMENT_WAIT_MAX_MS = "alignment.wait.max.ms";
    public static final String WAL_SEGMENT_BYTES = "wal.segment.bytes";
    public static final String WAL_SEGMENT_MS = "wal.segment.ms";
    public static final String WAL_WRITE_INTERVAL_MS = "wal.write.interval.ms";
    public static final String WAL_CHECKPOINT_INTERVAL_MS = "wal.checkpoint.interval.ms";
    public static final String WAL_OPEN_FILES_MAX = "wal.open.files.max";
    public static final String WAL_COMPRESSION = "wal.compression";
    public static final String DISK_MIN_FREE_BYTES = "disk.min.free.bytes";
    public static final String LOG_FORMAT = "log.format";
    public static final String METRICS_TENANTS_MAX = "metrics.tenants.max";
    public static final String HTTP_PORT = "http.port";
    public static final String HTTP_BIND = "http.bind";
    public static final String HTTP_ADVERTISED = "http.advertised";
    public static final String HTTP_TOKENS_FILE = "http.tokens.file";
    public static final String HTTP_TLS_CERTIFICATE_FILE = "http.tls.certificate.file";
    public static final String HTTP_TLS_KEY_FILE = "http.tls.key.file";
    public static final String HTTP_TLS_CA_FILE = "http.tls.ca.file";
    public static final String HTTP_STREAMS_MAX = "http.streams.max";
    public static final String HTTP_CONNECTIONS_MAX = "http.connections.max";

    /** The value of {@link #INGRESS_PARTITIONING} for producers that do not use the tenant as the key. */
    public static final String UNKEYED = "any";

    static final String KEYED = "tenant";

    /** Keys with this prefix go to the Kafka clients. */
    public static final String KAFKA_PREFIX = "kafka.";

    private static final int OPEN_FILES_A_SHARD_MIN = 8;
    private static final int PENDING_SHARE_OF_HEAP = 8;
    private static final int STATE_SHARE_OF_HEAP = 4;
    private static final long STATE_BYTES_PER_STORE_MIN = 512 * 1024;
    private static final long TRANSACTION_MS_MIN = 10_000;
    private static final long BACKLOG_COMMIT_MS = 500;
    private static final int HEARTBEAT_MS_MAX = 3_000;
    private static final int HEARTBEATS_PER_SESSION = 3;
    private static final long BUFFER_BYTES_MIN = 32L * 1024 * 1024;
    private static final int BATCH_BYTES = 128 * 1024;

    static final ConfigDef DEFINITIONS = SettingDefinitions.all();

    /** Settings that affect decisions, apart from the places of fields. */
    private static final List<String> DECIDING = List.of(
            SIGNAL_FORMAT, TENANT_SOURCE, TENANTS_UNKNOWN, TENANTS_MISSING, LATENESS_MAX_MS, HISTORY_ENTRIES_MAX);

    /** Client settings that must not be changed, not even for one kind of client by a prefix such as {@code main.consumer.}. */
    private static final List<String> FIXED = List.of(
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
            ConsumerConfig.ISOLATION_LEVEL_CONFIG,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
            ProducerConfig.MAX_REQUEST_SIZE_CONFIG,
            ProducerConfig.BUFFER_MEMORY_CONFIG,
            StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG,
            StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG,
            StreamsConfig.PRODUCTION_EXCEPTION_HANDLER_CLASS_CONFIG);

    /** Client settings that may only repeat the value that Tidegate sets. */
    private static final Map<String, Set<String>> REQUIRED = Map.of(
            ProducerConfig.ACKS_CONFIG, Set.of("all", "-1"), ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, Set.of("true"));

    /** Client settings that are derived from a setting of Tidegate, with that setting. */
    private static final Map<String, String> OWN = Map.ofEntries(
            Map.entry(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, BOOTSTRAP_SERVERS),
            Map.entry(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION_ID),
            Map.entry(StreamsConfig.APPLICATION_SERVER_CONFIG, HTTP_ADVERTISED),
            Map.entry(StreamsConfig.STATE_DIR_CONFIG, DATA_DIR),
            Map.entry(StreamsConfig.GROUP_PROTOCOL_CONFIG, GROUP_PROTOCOL),
            Map.entry(StreamsConfig.NUM_STREAM_THREADS_CONFIG, THREADS),
            Map.entry(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, STANDBY_REPLICAS),
            Map.entry(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, SESSION_TIMEOUT_MS),
            Map.entry(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_INTERVAL_MS),
            Map.entry(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE_BYTES),
            Map.entry(StreamsConfig.REPLICATION_FACTOR_CONFIG, REPLICATION_FACTOR));

    /** The names that Kafka allows for topics, and thus for parts of topic names. */
    private static final Pattern TOPIC_NAME = Pattern.compile("(?!\\.{1,2}$)[a-zA-Z0-9._-]{1,249}");

    private static final int APPLICATION_ID_CHARS_MAX = 200;
    private static final Pattern HOST_PORT = Pattern.compile("(?:\\[[0-9a-fA-F:.%]+]|[^\\s:\\[\\]]+):(\\d{1,5})");
    private static final int PORT_MAX = 65_535;

    private static final Set<String> SECRETS = Stream.of(
                    AdminClientConfig.configDef(), ConsumerConfig.configDef(), ProducerConfig.configDef())
            .flatMap(def -> def.configKeys().values().stream())
            .filter(key -> key.type == Type.PASSWORD)
            .map(key -> key.name)
            .collect(Collectors.toUnmodifiableSet());
    private static final Set<String> SECRET_WORDS = Set.of("password", "passphrase", "jaas", "secret", "token");

    /** Prefixes with which Kafka Streams passes a setting to one of its clients. */
    private static final Pattern CLIENT_PREFIX =
            Pattern.compile("^((main\\.|restore\\.|global\\.)?consumer|producer|admin)\\.");

    /** Only a name this close to one of Kafka's cannot be meant for a plug-in. */
    private static final int KAFKA_SLIPS_MAX = 2;

    private final AbstractConfig config;
    private final Map<String, String> kafka;
    private final Map<String, Origin> origins;

    Settings(Map<String, String> values, Map<String, Origin> origins) {
        Map<String, Origin> given = new HashMap<>(origins);
        Map<String, String> own = new HashMap<>();
        Map<String, String> clients = new TreeMap<>();
        values.forEach((key, value) -> {
            if (key.startsWith(KAFKA_PREFIX)) {
                clients.put(key.substring(KAFKA_PREFIX.length()), value);
            } else if (value.isBlank() && isOptional(key)) {
                given.remove(key);
            } else {
                own.put(key, value);
            }
        });
        this.origins = Map.copyOf(given);
        kafka = Map.copyOf(clients);
        checkValues(DEFINITIONS, own, "");
        config = new AbstractConfig(DEFINITIONS, own, false);
        checkRelations();
        checkClients();
    }

    /** Returns whether a setting can be absent. A blank value makes it so: a compose file can only empty a variable. */
    private static boolean isOptional(String key) {
        ConfigDef.ConfigKey definition = DEFINITIONS.configKeys().get(key);
        return definition != null && definition.hasDefault() && definition.defaultValue == null;
    }

    /** Whether a setting has its default because nothing sets it. */
    public boolean isDefault(String setting) {
        return !origins.containsKey(setting);
    }

    /** Reports each invalid value with its origin. */
    private void checkValues(ConfigDef def, Map<String, String> values, String prefix) {
        List<String> wrong = new ArrayList<>();
        for (ConfigValue value : def.validate(values)) {
            if (values.containsKey(value.name()) && !value.errorMessages().isEmpty()) {
                String key = prefix + value.name();
                // Further messages would only follow from the first.
                wrong.add("%s (%s): %s"
                        .formatted(
                                key,
                                origins.getOrDefault(key, Origin.DEFAULT),
                                value.errorMessages().get(0)));
            }
        }
        if (!wrong.isEmpty()) {
            throw new SettingsException(String.join("\n  ", wrong));
        }
    }

    /** Lets the Kafka clients validate their settings before anything is changed. */
    private void checkClients() {
        for (String key : kafka.keySet()) {
            for (String fixed : FIXED) {
                if (key.equals(fixed) || key.endsWith("." + fixed)) {
                    throw new SettingsException(
                            "%s%s cannot be set: Tidegate's promises depend on it".formatted(KAFKA_PREFIX, key));
                }
            }
            String name = CLIENT_PREFIX.matcher(key).replaceFirst("");
            String value = String.valueOf(kafka.get(key)).strip();
            if (!REQUIRED.getOrDefault(name, Set.of(value)).contains(value)) {
                throw new SettingsException("%s%s = %s cannot be set: Tidegate's promises depend on the value %s"
                        .formatted(
                                KAFKA_PREFIX,
                                key,
                                value,
                                String.join(" or ", new TreeSet<>(REQUIRED.get(name)).descendingSet())));
            }
            String own = OWN.get(name);
            if (own != null) {
                throw new SettingsException("%s%s cannot be set: use %s".formatted(KAFKA_PREFIX, key, own));
            }
        }
        checkSpelling();
        checkValues(AdminClientConfig.configDef(), kafka, KAFKA_PREFIX);
        checkValues(ConsumerConfig.configDef(), kafka, KAFKA_PREFIX);
        checkValues(ProducerConfig.configDef(), kafka, KAFKA_PREFIX);
        checkValues(StreamsConfig.configDef(), kafka, KAFKA_PREFIX);
    }

    /** Rejects a name that differs from one of Kafka's by a slip or two. Other unknown names belong to plug-ins. */
    private void checkSpelling() {
        Set<String> known = new HashSet<>(StreamsConfig.configDef().names());
        known.addAll(AdminClientConfig.configNames());
        known.addAll(ConsumerConfig.configNames());
        known.addAll(ProducerConfig.configNames());
        for (String key : kafka.keySet()) {
            String name = CLIENT_PREFIX.matcher(key).replaceFirst("");
            if (known.contains(name) || key.startsWith(StreamsConfig.TOPIC_PREFIX)) {
                continue;
            }
            String nearest = NearestName.of(name, known, KAFKA_SLIPS_MAX);
            if (nearest != null) {
                String setting = KAFKA_PREFIX + key;
                throw new SettingsException("unknown setting '%s' (%s); did you mean '%s%s'?"
                        .formatted(
                                setting,
                                origins.getOrDefault(setting, Origin.DEFAULT),
                                setting.substring(0, setting.length() - name.length()),
                                nearest));
            }
        }
    }

    private void checkRelations() {
        if (region() != null) {
            try {
                TenantConfig.checkRegion(REGION, region());
            } catch (IllegalArgumentException e) {
                throw new SettingsException(e.getMessage());
            }
        }
        if (config.getList(BOOTSTRAP_SERVERS).isEmpty()) {
            throw new SettingsException(BOOTSTRAP_SERVERS + " is empty: name a broker, HOST:PORT");
        }
        for (String server : config.getList(BOOTSTRAP_SERVERS)) {
            Matcher match = HOST_PORT.matcher(server);
            if (!match.matches() || Integer.parseInt(match.group(1)) > PORT_MAX) {
                throw new SettingsException("%s = %s: each broker must be HOST:PORT, such as localhost:9092"
                        .formatted(BOOTSTRAP_SERVERS, server));
            }
        }
        try {
            var unused = dataDir();
        } catch (InvalidPathException e) {
            throw new SettingsException("%s: %s".formatted(DATA_DIR, e.getMessage()));
        }
        checkHttp();
        checkName(APPLICATION_ID, applicationId(), APPLICATION_ID_CHARS_MAX);
        Topics topics = topics();
        if (topics.signals().isEmpty()) {
            throw new SettingsException(TOPIC_SIGNALS + " is empty: name the topic that producers write to");
        }
        if (tenantSource() == TenantSource.TOPIC) {
            for (String topic : topics.signals()) {
                if (Router.inTopic(topic) == null) {
                    throw new SettingsException(
                            ("%s = %s: with %s = topic each name must end in .<tenant id>, such as" + " signals.42")
                                    .formatted(TOPIC_SIGNALS, topic, TENANT_SOURCE));
                }
            }
        }
        SignalSettings.check(signalMapping(), tenantSource(), missingTenants() == MissingTenants.DEFAULT);
        var unused = schemaRegistry();
        checkRegionTopics();
        Set<String> ingress = new HashSet<>();
        for (String topic : topics.signals()) {
            if (!ingress.add(topic)) {
                throw new SettingsException("%s names '%s' twice".formatted(TOPIC_SIGNALS, topic));
            }
        }
        if (config.getShort(REPLICATION_FACTOR) == 0) {
            throw new SettingsException(
                    REPLICATION_FACTOR + " = 0 must be at least 1, or -1 for the default of the brokers");
        }
        Set<String> names = new HashSet<>();
        List<String> named = new ArrayList<>(allTopics());
        named.add(ownersTopic());
        for (String topic : named) {
            checkName("topic", topic, Integer.MAX_VALUE);
            if (!names.add(topic)) {
                throw new SettingsException(
                        "topic '%s' is named for two purposes: each needs its own".formatted(topic));
            }
        }
    }

    private void checkHttp() {
        HttpSettings http = http();
        if (http.isServed() && !http.isLoopback() && http.tokensFile() == null) {
            throw new SettingsException(
                    "%s = %s is reachable from other machines: set a file with tokens (%s), or listen on 127.0.0.1"
                            .formatted(HTTP_BIND, http.bind(), HTTP_TOKENS_FILE));
        }
        if ((http.certificateFile() == null) != (http.keyFile() == null)) {
            throw new SettingsException("%s and %s belong together: set both or neither"
                    .formatted(HTTP_TLS_CERTIFICATE_FILE, HTTP_TLS_KEY_FILE));
        }
        if (http.advertised() != null) {
            Matcher match = HOST_PORT.matcher(http.advertised());
            if (!match.matches() || Integer.parseInt(match.group(1)) > PORT_MAX) {
                throw new SettingsException("%s = %s must be HOST:PORT, such as tidegate-1:8080"
                        .formatted(HTTP_ADVERTISED, http.advertised()));
            }
        }
    }

    private static void checkName(String what, String name, int charsMax) {
        if (name.length() > charsMax || !TOPIC_NAME.matcher(name).matches()) {
            throw new SettingsException(
                    "%s = %s: at most %d letters, digits, dots, hyphens and underscores in ASCII, and not only dots"
                            .formatted(what, name, Math.min(charsMax, 249)));
        }
    }

    public List<String> allTopics() {
        Topics topics = topics();
        List<String> all = new ArrayList<>(topics.signals());
        all.addAll(List.of(
                topics.byTenant(),
                topics.configs(),
                topics.accepted(),
                topics.quotaExceeded(),
                topics.deadLetter(),
                topics.segments(),
                topics.commands(),
                topics.events()));
        return all;
    }

    /** Returns the topic in which all applications of a cluster record the topics that they own. */
    public String ownersTopic() {
        return config.getString(TOPIC_OWNERS);
    }

    /** Returns the ledger topic of {@code rejections replay}; it exists after the first replay. */
    public String replaysTopic() {
        return applicationId() + "-replays";
    }

    public Duration topicsCheckInterval() {
        return Duration.ofMillis(config.getLong(TOPICS_CHECK_INTERVAL_MS));
    }

    public String bootstrapServers() {
        return String.join(",", config.getList(BOOTSTRAP_SERVERS));
    }

    public String applicationId() {
        return config.getString(APPLICATION_ID);
    }

    public Path dataDir() {
        return Path.of(config.getString(DATA_DIR));
    }

    public @Nullable String region() {
        return config.getString(REGION);
    }

    /** Returns the ingress topic of each configured region, in order. */
    public Map<String, String> regionTopics() {
        Map<String, String> topics = new TreeMap<>();
        for (String entry : config.getList(REGION_TOPICS)) {
            int colon = entry.indexOf(':');
            if (colon < 0
                    || topics.put(
                                    entry.substring(0, colon).trim(),
                                    entry.substring(colon + 1).trim())
                            != null) {
                throw new SettingsException("%s = %s: each must be REGION:TOPIC, and each region named once"
                        .formatted(REGION_TOPICS, entry));
            }
        }
        return topics;
    }

    /** Returns the ingress topics of other regions, to which signals are forwarded. */
    public List<String> otherRegionsTopics() {
        return List.copyOf(new Residency(region(), regionTopics()).topics().values());
    }

    private void checkRegionTopics() {
        Map<String, String> byRegion = regionTopics();
        if (byRegion.isEmpty()) {
            return;
        }
        if (region() == null) {
            throw new SettingsException(
                    "%s requires %s: set it to the region of this instance".formatted(REGION_TOPICS, REGION));
        }
        if (tenantSource() == TenantSource.TOPIC) {
            throw new SettingsException("%s cannot be used with %s = topic: a forwarded signal would lose its tenant"
                    .formatted(REGION_TOPICS, TENANT_SOURCE));
        }
        byRegion.forEach((region, topic) -> {
            try {
                TenantConfig.checkRegion(REGION_TOPICS, region);
            } catch (IllegalArgumentException e) {
                throw new SettingsException(e.getMessage());
            }
            checkName(REGION_TOPICS, topic, Integer.MAX_VALUE);
            boolean own = region.equals(region());
            if (own != topics().signals().contains(topic)
                    || (!own && allTopics().contains(topic))) {
                throw new SettingsException((own
                                ? "%s = %s:%s: this is region %s, and its ingress is %s=%s"
                                : "%s = %s:%s: the topic of another region is one of this region's (%s); %s=%s")
                        .formatted(REGION_TOPICS, region, topic, region(), TOPIC_SIGNALS, topics().signals()));
            }
        });
    }

    public int shards() {
        return config.getInt(SHARDS);
    }

    /** Returns whether producers use the tenant as the key, so that most signals are already in their tenant's partition. */
    public boolean keyedIngress() {
        return ingressPartitioning().equals(KEYED);
    }

    /** Returns {@code any} or {@code tenant}. */
    public String ingressPartitioning() {
        return config.getString(INGRESS_PARTITIONING);
    }

    public short replicationFactor() {
        return config.getShort(REPLICATION_FACTOR);
    }

    public int standbyReplicas() {
        return config.getInt(STANDBY_REPLICAS);
    }

    public int sessionTimeoutMs() {
        return config.getInt(SESSION_TIMEOUT_MS);
    }

    public boolean streamsGroupProtocol() {
        return config.getString(GROUP_PROTOCOL).equals("streams");
    }

    public TenantSource tenantSource() {
        return TenantSource.of(config.getString(TENANT_SOURCE));
    }

    /** Returns the places of a signal's fields. */
    public SignalMapping signalMapping() {
        return SignalSettings.mapping(config, origins::containsKey);
    }

    /** Returns the schema registry of the signals; null if their format needs none. */
    public @Nullable SchemaRegistrySettings schemaRegistry() {
        List<URI> urls = SignalSettings.registry(
                signalMapping().format(), config.getList(SCHEMA_REGISTRY_URL), SCHEMA_REGISTRY_URL);
        return urls.isEmpty()
                ? null
                : new SchemaRegistrySettings(
                        urls,
                        path(SCHEMA_REGISTRY_CREDENTIALS_FILE),
                        path(SCHEMA_REGISTRY_CA_FILE),
                        Duration.ofMillis(config.getLong(SCHEMA_REGISTRY_TIMEOUT_MS)),
                        config.getInt(SCHEMA_REGISTRY_SCHEMAS_MAX));
    }

    public UnknownTenants unknownTenants() {
        return config.getString(TENANTS_UNKNOWN).equals("reject")
                ? UnknownTenants.REJECT
                : UnknownTenants.DEFAULT_CONFIG;
    }

    public MissingTenants missingTenants() {
        return config.getString(TENANTS_MISSING).equals("reject") ? MissingTenants.REJECT : MissingTenants.DEFAULT;
    }

    public boolean requireLogAppendTime() {
        return config.getBoolean(REQUIRE_LOG_APPEND_TIME);
    }

    public long byTenantRetentionMs() {
        return config.getLong(BY_TENANT_RETENTION_MS);
    }

    public long acceptedRetentionMs() {
        return config.getLong(ACCEPTED_RETENTION_MS);
    }

    public long latenessMaxMs() {
        return config.getLong(LATENESS_MAX_MS);
    }

    /** Returns 0 if partitions are not aligned. */
    public long alignmentWaitMaxMs() {
        return config.getLong(ALIGNMENT_WAIT_MAX_MS);
    }

    public String logFormat() {
        return config.getString(LOG_FORMAT);
    }

    public int metricsTenantsMax() {
        return config.getInt(METRICS_TENANTS_MAX);
    }

    public long diskMinFreeBytes() {
        return config.getLong(DISK_MIN_FREE_BYTES);
    }

    public HttpSettings http() {
        return new HttpSettings(
                config.getInt(HTTP_PORT),
                config.getString(HTTP_BIND),
                config.getString(HTTP_ADVERTISED),
                path(HTTP_TOKENS_FILE),
                path(HTTP_TLS_CERTIFICATE_FILE),
                path(HTTP_TLS_KEY_FILE),
                path(HTTP_TLS_CA_FILE),
                config.getInt(HTTP_STREAMS_MAX),
                config.getInt(HTTP_CONNECTIONS_MAX));
    }

    private @Nullable Path path(String name) {
        String text = config.getString(name);
        try {
            return text == null ? null : Path.of(text);
        } catch (InvalidPathException e) {
            throw new SettingsException("%s: %s".formatted(name, e.getMessage()));
        }
    }

    public Topics topics() {
        return new Topics(
                config.getList(TOPIC_SIGNALS),
                config.getString(TOPIC_BY_TENANT),
                config.getString(TOPIC_CONFIGS),
                config.getString(TOPIC_ACCEPTED),
                config.getString(TOPIC_QUOTA_EXCEEDED),
                config.getString(TOPIC_DEAD_LETTER),
                config.getString(TOPIC_SEGMENTS),
                config.getString(TOPIC_COMMANDS),
                config.getString(TOPIC_EVENTS));
    }

    /** Returns the values that must not change after the first use of the data directory. */
    public Map<String, String> fixedForDataDir() {
        return Map.of(
                "application.id",
                applicationId(),
                SHARDS,
                Integer.toString(shards()),
                WAL_SEGMENT_BYTES,
                config.getLong(WAL_SEGMENT_BYTES).toString(),
                WAL_SEGMENT_MS,
                config.getLong(WAL_SEGMENT_MS).toString());
    }

    /** Returns the settings that affect how signals are read and decided, by name. They must be the same on all instances. */
    public Map<String, String> deciding() {
        Map<String, String> all = new TreeMap<>();
        SignalMapping mapping = signalMapping();
        for (SignalField field : SignalField.values()) {
            all.put(field.setting(), SignalSettings.text(mapping.of(field)));
        }
        for (String key : DECIDING) {
            all.put(
                    key,
                    ConfigDef.convertToString(
                            config.values().get(key),
                            DEFINITIONS.configKeys().get(key).type()));
        }
        return all;
    }

    /** Returns the {@linkplain #deciding deciding} settings that differ from the defaults. */
    public Map<String, String> decidingIfNotDefault() {
        Map<String, String> own = deciding();
        own.entrySet().removeAll(decidingByDefault().entrySet());
        return own;
    }

    /** Returns the defaults of the deciding settings. */
    public static Map<String, String> decidingByDefault() {
        return new Settings(Map.of(), Map.of()).deciding();
    }

    /** Returns the bounds of lateness within which a decision does not depend on the order of reading. */
    public HistoryBounds historyBounds() {
        return new HistoryBounds(latenessMaxMs(), config.getInt(HISTORY_ENTRIES_MAX));
    }

    /** Returns the number of tenants whose usage each task keeps in memory. */
    public int cachedTenants() {
        return config.getInt(CACHED_TENANTS);
    }

    /** Returns how long an accepted signal may wait in memory before it is written to its file. */
    public Duration walWriteInterval() {
        return Duration.ofMillis(config.getLong(WAL_WRITE_INTERVAL_MS));
    }

    /** Returns the interval between checkpoints. */
    public Duration walCheckpointInterval() {
        return Duration.ofMillis(config.getLong(WAL_CHECKPOINT_INTERVAL_MS));
    }

    /** Returns the memory for tenants' usage and entities, over all tasks. */
    public long cacheBytes() {
        return Math.min(config.getLong(CACHE_BYTES), Runtime.getRuntime().maxMemory() / 2);
    }

    /** Returns the number of state stores that this instance has if it owns all shards. */
    public int stores() {
        return shards() * StateKeys.LOGGED_STORES.size();
    }

    /**
     * Returns the memory outside the heap for all state stores.
     *
     * @throws SettingsException if {@code state.memory.bytes} is too small for so many stores
     */
    public long stateMemoryBytes() {
        long least = STATE_BYTES_PER_STORE_MIN * stores();
        long set = config.getLong(STATE_MEMORY_BYTES);
        if (set > 0 && set < least) {
            throw new SettingsException(
                    "%s = %d is too little: with %s = %d there are %d state stores, which need at least %d bytes. Raise it, or use 0"
                            .formatted(STATE_MEMORY_BYTES, set, SHARDS, shards(), stores(), least));
        }
        return set > 0 ? set : Math.max(least, Runtime.getRuntime().maxMemory() / STATE_SHARE_OF_HEAP);
    }

    /**
     * Checks the settings whose bounds depend on the heap of this JVM. Must be called before an instance changes anything.
     *
     * @throws SettingsException if one of them does not fit
     */
    public void checkMemory() {
        entitiesMax();
        stateMemoryBytes();
    }

    /**
     * Returns the number of entities that any tenant can have on this instance, whatever its own quota.
     *
     * @throws SettingsException if {@code entities.max} exceeds what this heap can hold
     */
    public long entitiesMax() {
        EntityBound bound = new EntityBound(Runtime.getRuntime().maxMemory(), cacheBytes(), shards());
        long set = config.getLong(ENTITIES_MAX);
        if (set > bound.entities()) {
            throw new SettingsException(
                    ("%s = %d does not fit the heap: with %s = %d a heap of %d MiB holds at most %d entities of one tenant. Lower the value"
                                    + " on all instances, or give Java a heap of at least %d MiB (-Xmx)")
                            .formatted(
                                    ENTITIES_MAX,
                                    set,
                                    SHARDS,
                                    shards(),
                                    bound.heapBytes() >> 20,
                                    bound.entities(),
                                    (bound.heapNeeded(set) >> 20) + 1));
        }
        return set > 0 ? set : bound.rounded();
    }

    /** Returns the configured value of {@code entities.max}, or its maximum: for commands, whose heap says nothing about instances. */
    public long configuredEntitiesMax() {
        long set = config.getLong(ENTITIES_MAX);
        return set > 0 ? set : EntitySet.ENTITIES_MAX;
    }

    public WalSettings wal() {
        return WalSettings.of(
                        config.getLong(WAL_SEGMENT_BYTES),
                        Duration.ofMillis(config.getLong(WAL_SEGMENT_MS)),
                        Math.max(OPEN_FILES_A_SHARD_MIN, config.getInt(WAL_OPEN_FILES_MAX) / shards()),
                        WalSettings.compression(config.getString(WAL_COMPRESSION)))
                .pendingAtMost(Runtime.getRuntime().maxMemory() / PENDING_SHARE_OF_HEAP / shards());
    }

    public String instance() {
        String name = config.getString(INSTANCE);
        if (name != null) {
            return name;
        }
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    /** Returns the commit interval of a thread without a backlog. */
    public long commitIntervalMs() {
        return config.getLong(COMMIT_INTERVAL_MS);
    }

    public int threads() {
        int threads = config.getInt(THREADS);
        return threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    }

    /** Returns the security protocol of the broker connections. Kafka accepts its name in any case. */
    public SecurityProtocol securityProtocol() {
        Object protocol = clientConfig()
                .getOrDefault(
                        CommonClientConfigs.SECURITY_PROTOCOL_CONFIG, CommonClientConfigs.DEFAULT_SECURITY_PROTOCOL);
        return SecurityProtocol.forName(protocol.toString());
    }

    /** Returns the settings of an admin client, consumer or producer for the command line. */
    public Map<String, Object> clientConfig() {
        Map<String, Object> client = new HashMap<>();
        // A command ends before a broker would request its metrics, and preparing them takes a sixth of its CPU time.
        client.put(AdminClientConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        client.putAll(kafka);
        client.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers());
        return client;
    }

    /** Sets a default of clients. Kafka Streams prefers a name with their prefix, so it gives way to the bare name. */
    private void putDefault(Properties streams, String prefix, String name, long value) {
        streams.put(prefix + name, kafka.getOrDefault(name, Long.toString(value)));
    }

    /**
     * Returns the settings of Kafka Streams.
     *
     * @param stateDir Kafka Streams' own directory
     * @param requestBytesMax the largest request that a producer may send
     * @param server HOST:PORT at which other instances reach this one; null if they cannot
     */
    public Properties streamsConfig(Path stateDir, long requestBytesMax, @Nullable String server) {
        Properties streams = new Properties();
        putDefault(streams, StreamsConfig.PRODUCER_PREFIX, ProducerConfig.MAX_BLOCK_MS_CONFIG, 120_000);
        // An open transaction of a killed instance delays all readers of its shards for this long. Kafka Streams
        // requires it to be longer than the commit interval.
        putDefault(
                streams,
                StreamsConfig.PRODUCER_PREFIX,
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
                Math.max(TRANSACTION_MS_MIN, 2 * commitIntervalMs()));
        streams.put(StreamsConfig.producerPrefix(ProducerConfig.MAX_REQUEST_SIZE_CONFIG), (int) requestBytesMax);
        // Most records wait for the next commit anyway, and a larger request costs little more.
        putDefault(streams, StreamsConfig.PRODUCER_PREFIX, ProducerConfig.BATCH_SIZE_CONFIG, BATCH_BYTES);
        // A record that exceeds the producer's memory would be rejected, and again at each retry.
        streams.put(
                StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG),
                Math.max(BUFFER_BYTES_MIN, 2 * requestBytesMax));
        // Signals and commands need not wait for each other; comparing their times costs a tenth of the total.
        streams.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, StreamsConfig.MAX_TASK_IDLE_MS_DISABLED);
        if (!streamsGroupProtocol()) {
            streams.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), sessionTimeoutMs());
            putDefault(
                    streams,
                    StreamsConfig.CONSUMER_PREFIX,
                    ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG,
                    Math.min(HEARTBEAT_MS_MAX, sessionTimeoutMs() / HEARTBEATS_PER_SESSION));
            streams.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, standbyReplicas());
        }
        streams.putAll(kafka);
        streams.put(StreamsConfig.APPLICATION_ID_CONFIG, applicationId());
        streams.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers());
        streams.put(StreamsConfig.STATE_DIR_CONFIG, stateDir.toString());
        if (server != null) {
            streams.put(StreamsConfig.APPLICATION_SERVER_CONFIG, server);
        }
        streams.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        streams.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, config.getString(GROUP_PROTOCOL));
        streams.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, threads());
        // Threads without a backlog request commits more often.
        streams.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Math.max(BACKLOG_COMMIT_MS, commitIntervalMs()));
        // Admit buffers changes until a commit itself, and no other store is written often.
        streams.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        streams.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, (int) replicationFactor());
        return streams;
    }

    /** Returns every setting with its value and the value's origin, by name; secrets are hidden. */
    public Map<String, ResolvedSetting> explained() {
        Map<String, ResolvedSetting> all = new TreeMap<>();
        for (String key : DEFINITIONS.names()) {
            Origin origin = origins.getOrDefault(key, Origin.DEFAULT);
            String text = ConfigDef.convertToString(
                    config.values().get(key), DEFINITIONS.configKeys().get(key).type());
            all.put(key, new ResolvedSetting(text == null ? "" : text, origin));
        }
        kafka.forEach((key, value) -> {
            String name = KAFKA_PREFIX + key;
            all.put(name, new ResolvedSetting(isSecret(key) ? "[hidden]" : value, origins.get(name)));
        });
        return all;
    }

    /** Returns whether Kafka hides the setting, also with a prefix, or whether it looks like a secret of a plug-in. */
    private static boolean isSecret(String key) {
        String name = key.toLowerCase(Locale.ROOT);
        return SECRETS.stream().anyMatch(name::endsWith)
                || (SECRET_WORDS.stream().anyMatch(name::contains) && !name.endsWith(".url"));
    }

    /** A value and its origin. */
    public record ResolvedSetting(String value, Origin origin) {}
}
