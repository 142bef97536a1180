package io.tidegate.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.config.Settings.ResolvedSetting;
import io.tidegate.config.SettingsLoader.Origin;
import io.tidegate.contract.TenantSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.streams.StreamsConfig;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SettingsLoaderTest {
    @TempDir
    private Path directory;

    private static Settings flags(String... namesAndValues) {
        Map<String, String> flags = new java.util.LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            flags.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private Path file(String text) throws IOException {
        return Files.writeString(directory.resolve("tidegate.properties"), text);
    }

    private static @Nullable ResolvedSetting explained(Settings settings, String name) {
        return settings.explained().get(name);
    }

    @Test
    void takesTheDefaultWhereNothingIsSet() {
        Settings settings = flags();

        assertThat(settings.shards()).isEqualTo(8);
        assertThat(explained(settings, "shards")).isEqualTo(new ResolvedSetting("8", Origin.DEFAULT));
        assertThat(settings.bootstrapServers()).isEqualTo("localhost:9092");
        assertThat(settings.tenantSource()).isEqualTo(TenantSource.VALUE);
        assertThat(settings.region()).isNull();
    }

    @Test
    void prefersTheFlagToTheEnvironmentToTheFileToTheDefault() throws IOException {
        Path file = file("shards=2\nthreads=2\nregion=eu\n");
        Map<String, String> environment = Map.of("TIDEGATE_SHARDS", "3", "TIDEGATE_THREADS", "3");

        Settings settings = SettingsLoader.load(file, environment, Map.of("shards", "4"));

        assertThat(explained(settings, "shards")).isEqualTo(new ResolvedSetting("4", Origin.FLAG));
        assertThat(explained(settings, "threads")).isEqualTo(new ResolvedSetting("3", Origin.ENVIRONMENT));
        assertThat(explained(settings, "region")).isEqualTo(new ResolvedSetting("eu", Origin.FILE));
        assertThat(explained(settings, "standby.replicas")).isEqualTo(new ResolvedSetting("0", Origin.DEFAULT));
    }

    @Test
    void readsAFileThatBeginsWithAByteOrderMark() throws IOException {
        assertThat(SettingsLoader.load(file("\uFEFFshards=2\n"), Map.of(), Map.of())
                        .shards())
                .isEqualTo(2);
    }

    @Test
    void rejectsASettingThatAFileHasTwice() throws IOException {
        Path file = file("shards=2\nthreads=1\nshards=4\n");

        assertThatThrownBy(() -> SettingsLoader.load(file, Map.of(), Map.of()))
                .isInstanceOf(SettingsException.class)
                .hasMessage("the settings file %s cannot be read: it has the setting shards twice".formatted(file));
    }

    @Test
    void namesTheNearestSettingForAnUnknownOne() throws IOException {
        Path file = file("shrads=3\n");

        assertThatThrownBy(() -> SettingsLoader.load(file, Map.of(), Map.of()))
                .isInstanceOf(SettingsException.class)
                .hasMessage("unknown setting 'shrads' (%s); did you mean 'shards'?".formatted(file));
        assertThatThrownBy(() -> SettingsLoader.load(null, Map.of("TIDEGATE_DATADIR", "x"), Map.of()))
                .hasMessage("unknown setting 'datadir' (TIDEGATE_DATADIR); did you mean 'data.dir'?");
        assertThatThrownBy(() -> flags("wal.segment.byte", "1"))
                .hasMessage("unknown setting 'wal.segment.byte' (flag); did you mean 'wal.segment.bytes'?");
    }

    @Test
    void namesTheKafkaSettingThatAMisspeltOneMeans() {
        assertThatThrownBy(() -> flags("kafka.security.protocl", "SSL"))
                .hasMessage("unknown setting 'kafka.security.protocl' (flag); did you mean 'kafka.security.protocol'?");
        assertThatThrownBy(() -> flags("kafka.sasl.mechanisms", "PLAIN"))
                .hasMessage("unknown setting 'kafka.sasl.mechanisms' (flag); did you mean 'kafka.sasl.mechanism'?");
        assertThatThrownBy(() -> flags("kafka.main.consumer.fetch.max.byte", "1"))
                .hasMessage(
                        "unknown setting 'kafka.main.consumer.fetch.max.byte' (flag); did you mean 'kafka.main.consumer.fetch.max.bytes'?");
        assertThat(flags("kafka.my.callback.endpoint", "x").clientConfig())
                .as("a plug-in's")
                .containsEntry("my.callback.endpoint", "x");
    }

    @Test
    void proposesNoNameThatIsNotAlike() {
        for (String key : new String[] {"foo", "bogus", "x", "topic", "segment.size"}) {
            assertThatThrownBy(() -> flags(key, "1"))
                    .hasMessage(
                            "unknown setting '%s' (flag); tidegate config reference lists all settings".formatted(key));
        }
    }

    @Test
    void ignoresTheLaunchersVariablesAndThoseOfOtherPrograms() {
        Map<String, String> environment = Map.of(
                "TIDEGATE_JAVA_OPTS",
                "-Xmx1g",
                "TIDEGATE_LOG_LEVEL",
                "DEBUG",
                "TIDEGATE_URL",
                "http://a:8080",
                "TIDEGATE_TOKEN_FILE",
                "/t",
                "OTHER_SHARDS",
                "x");

        Settings settings = SettingsLoader.load(null, environment, Map.of());

        assertThat(settings.explained().values())
                .isNotEmpty()
                .allMatch(valued -> valued.origin().equals(Origin.DEFAULT));
    }

    @Test
    void namesAMissingFile() {
        Path missing = directory.resolve("missing.properties");

        assertThatThrownBy(() -> SettingsLoader.load(missing, Map.of(), Map.of()))
                .isInstanceOf(SettingsException.class)
                .hasMessage("the settings file %s does not exist".formatted(missing));
    }

    @Test
    void namesAnUnreadableFile() throws IOException {
        Path notUtf8 = directory.resolve("latin1.properties");
        Files.write(notUtf8, "region=\u00fc".getBytes(StandardCharsets.ISO_8859_1));
        Path badEscape = file("region=\\u12\n");

        for (Path file : new Path[] {directory, notUtf8, badEscape}) {
            assertThatThrownBy(() -> SettingsLoader.load(file, Map.of(), Map.of()))
                    .isInstanceOf(SettingsException.class)
                    .hasMessageStartingWith("the settings file %s cannot be read: ".formatted(file))
                    .hasMessageNotContaining("Exception")
                    .hasMessageNotContaining("java.");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "shards | x | Not a number of type INT",
                "shards | 0 | Value must be at least 1",
                "shards | 10001 | Value must be no more than 10000",
                "threads | -1 | Value must be at least 0",
                "replication.factor | 70000 | Not a number of type SHORT",
                "commit.interval.ms | 1.5 | Not a number of type LONG",
                "tenant.source | vlaue | String must be one of: value, header, key, topic",
                "tenants.unknown | accept | String must be one of: reject, default-config",
                "group.protocol | consumer | String must be one of: streams, classic",
                "signals.require.log.append.time | yes | Expected value to be either true or false",
                "wal.segment.bytes | 1 | Value must be at least 1024",
                "wal.compression | brotli | String must be one of: none, gzip, snappy, lz4, zstd",
                "disk.min.free.bytes | -1 | Value must be at least 0",
            })
    void namesKeyValueOriginAndRuleOfABadValue(String key, String value, String rule) {
        assertThatThrownBy(() -> flags(key, value))
                .isInstanceOf(SettingsException.class)
                .hasMessage("%s (flag): Invalid value %s for configuration %s: %s".formatted(key, value, key, rule));
    }

    @Test
    void namesAllBadValuesAtOnce() {
        assertThatThrownBy(() -> flags("shards", "x", "threads", "-1"))
                .hasMessageContaining("shards (flag): Invalid value x")
                .hasMessageContaining("threads (flag): Invalid value -1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nonsense",
                "host:",
                ":9092",
                "host:65536",
                "host:x",
                "host:9092:1",
                "http://host:9092",
                "a b:1",
                "ok:9092,nonsense"
            })
    void rejectsABrokerThatIsNotHostAndPort(String servers) {
        assertThatThrownBy(() -> flags("bootstrap.servers", servers))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("bootstrap.servers = ")
                .hasMessageEndingWith(": each broker must be HOST:PORT, such as localhost:9092");
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost:9092", "10.0.0.1:1", "[::1]:9092", "a.b:9092,c-d:65535", " a:1 , b:2 "})
    void takesBrokersOfEveryForm(String servers) {
        assertThat(flags("bootstrap.servers", servers).bootstrapServers()).isEqualTo(servers.replace(" ", ""));
    }

    @Test
    void rejectsNoBrokerAtAll() {
        assertThatThrownBy(() -> flags("bootstrap.servers", ""))
                .isInstanceOf(SettingsException.class)
                .hasMessage("bootstrap.servers is empty: name a broker, HOST:PORT");
    }

    @ParameterizedTest
    @ValueSource(strings = {"EU", "eu_west", "-eu", "eu-", "eu west", "a.b"})
    void rejectsAnInvalidRegion(String region) {
        assertThatThrownBy(() -> flags("region", region))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("region: '%s' is not a region name".formatted(region));
    }

    @ParameterizedTest
    @ValueSource(strings = {"signals", "42", "signals.x", "signals.007", "signals.1,signals"})
    void requiresATenantAtTheEndOfEachTopicIfTopicsNameTenants(String topics) {
        assertThatThrownBy(() -> flags("tenant.source", "topic", "topic.signals", topics))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("topic.signals = ")
                .hasMessageEndingWith(
                        ": with tenant.source = topic each name must end in .<tenant id>, such as signals.42");
    }

    @Test
    void takesTopicsThatNameTheirTenants() {
        Settings settings = flags("tenant.source", "topic", "topic.signals", "signals.1,signals.18446744073709551615");

        assertThat(settings.topics().signals()).containsExactly("signals.1", "signals.18446744073709551615");
    }

    @Test
    void rejectsATopicForTwoPurposes() {
        assertThatThrownBy(() -> flags("topic.signals", "a,quota-exceeded"))
                .isInstanceOf(SettingsException.class)
                .hasMessage("topic 'quota-exceeded' is named for two purposes: each needs its own");
    }

    @Test
    void rejectsAnIngressTopicThatIsNamedTwice() {
        assertThatThrownBy(() -> flags("topic.signals", "a,b,a"))
                .isInstanceOf(SettingsException.class)
                .hasMessage("topic.signals names 'a' twice");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " "})
    void aBlankOptionalSettingIsNotSet(String blank) {
        Settings settings =
                flags("http.tokens.file", blank, "http.tls.ca.file", blank, "region", blank, "http.advertised", blank);

        assertThat(settings.http().tokensFile()).isNull();
        assertThat(settings.http().caFile()).isNull();
        assertThat(settings.http().advertised()).isNull();
        assertThat(settings.region()).isNull();
        assertThat(settings.explained().get("region").origin()).isEqualTo(Origin.DEFAULT);
        assertThatThrownBy(() -> flags("http.bind", "0.0.0.0", "http.tokens.file", blank))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("set a file with tokens");
    }

    @Test
    void rejectsNoIngressTopic() {
        assertThatThrownBy(() -> flags("topic.signals", ""))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("topic.signals is empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "a/b", "..", "ünlü"})
    void rejectsNamesThatKafkaWouldReject(String name) {
        assertThatThrownBy(() -> flags("topic.quota.exceeded", name))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("topic = ");
        assertThatThrownBy(() -> flags("application.id", name))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("application.id = ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "kafka.processing.guarantee",
                "kafka.isolation.level",
                "kafka.auto.offset.reset",
                "kafka.consumer.isolation.level",
                "kafka.main.consumer.auto.offset.reset"
            })
    void rejectsSettingsThatItsPromisesDependOn(String key) {
        assertThatThrownBy(() -> flags(key, "x"))
                .isInstanceOf(SettingsException.class)
                .hasMessage(key + " cannot be set: Tidegate's promises depend on it");
    }

    @ParameterizedTest
    @CsvSource({"kafka.acks, 1, all", "kafka.producer.acks, 0, all", "kafka.enable.idempotence, false, true"})
    void acceptsOnlyTheValueThatItsPromisesDependOn(String key, String value, String needed) {
        assertThatThrownBy(() -> flags(key, value))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("%s = %s cannot be set: Tidegate's promises depend on the value %s"
                        .formatted(key, value, needed));
        Settings unused = flags(key, needed);
    }

    @Test
    void rejectsAReplicationFactorOfZero() {
        assertThatThrownBy(() -> flags("replication.factor", "0"))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith("replication.factor = 0 must be at least 1");
    }

    @ParameterizedTest
    @CsvSource({
        "kafka.bootstrap.servers, bootstrap.servers",
        "kafka.application.id, application.id",
        "kafka.state.dir, data.dir",
        "kafka.num.stream.threads, threads",
        "kafka.session.timeout.ms, session.timeout.ms",
        "kafka.consumer.session.timeout.ms, session.timeout.ms",
        "kafka.main.consumer.session.timeout.ms, session.timeout.ms",
        "kafka.producer.bootstrap.servers, bootstrap.servers",
        "kafka.commit.interval.ms, commit.interval.ms"
    })
    void namesItsOwnSettingWhereAClientsWouldBeOverridden(String key, String own) {
        assertThatThrownBy(() -> flags(key, "1"))
                .isInstanceOf(SettingsException.class)
                .hasMessage("%s cannot be set: use %s".formatted(key, own));
    }

    @ParameterizedTest
    @CsvSource({"max.block.ms, 70000", "transaction.timeout.ms, 71000", "batch.size, 72000"})
    void aProducersSettingWithoutPrefixReplacesTidegatesDefault(String name, int value) {
        Properties streams = flags("kafka." + name, "" + value).streamsConfig(Path.of("state"), 1000, null);

        assertThat(new StreamsConfig(streams).getProducerConfigs("p").get(name)).hasToString("" + value);
    }

    @Test
    void aConsumersSettingWithoutPrefixReplacesTidegatesDefault() {
        Properties streams = flags("group.protocol", "classic", "kafka.heartbeat.interval.ms", "1234")
                .streamsConfig(Path.of("state"), 1000, null);

        assertThat(new StreamsConfig(streams)
                        .getMainConsumerConfigs("g", "c", 0)
                        .get("heartbeat.interval.ms"))
                .hasToString("1234");
    }

    @Test
    void rejectsAValueThatTheClientsWouldReject() {
        assertThatThrownBy(() -> flags("kafka.security.protocol", "FOO"))
                .isInstanceOf(SettingsException.class)
                .hasMessageStartingWith(
                        "kafka.security.protocol (flag): Invalid value FOO for configuration security.protocol: ");
    }

    @Test
    void passesKafkasOwnSettingsOnUnchanged() {
        Settings settings = flags(
                "kafka.client.id", "mine", "kafka.ssl.key.password", " blank at the end ", "kafka.my.plugin", "x");

        assertThat(settings.clientConfig())
                .containsEntry("client.id", "mine")
                .containsEntry("ssl.key.password", " blank at the end ")
                .containsEntry("my.plugin", "x")
                .containsEntry("bootstrap.servers", "localhost:9092");
        Properties streams = settings.streamsConfig(Path.of("state"), 1000, null);
        assertThat(streams).containsEntry("client.id", "mine").containsEntry("processing.guarantee", "exactly_once_v2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "sasl.jaas.config",
                "ssl.keystore.password",
                "ssl.keystore.key",
                "ssl.key.password",
                "consumer.ssl.keystore.key",
                "sasl.oauthbearer.client.credentials.client.secret",
                "my.plugin.TOKEN"
            })
    void hidesSecrets(String key) {
        Settings settings = flags("kafka." + key, "s3cret");

        assertThat(explained(settings, "kafka." + key)).isEqualTo(new ResolvedSetting("[hidden]", Origin.FLAG));
        assertThat(settings.explained().toString()).doesNotContain("s3cret");
    }

    @Test
    void showsValuesThatAreNotSecrets() {
        Settings settings = flags(
                "kafka.security.protocol", "SSL", "kafka.sasl.oauthbearer.token.endpoint.url", "https://example.org/t");

        assertThat(explained(settings, "kafka.security.protocol")).isEqualTo(new ResolvedSetting("SSL", Origin.FLAG));
        assertThat(explained(settings, "kafka.sasl.oauthbearer.token.endpoint.url"))
                .isEqualTo(new ResolvedSetting("https://example.org/t", Origin.FLAG));
    }

    @Test
    void trimsItsOwnValues() {
        assertThat(flags("shards", " 3 ").shards()).isEqualTo(3);
    }

    @Test
    void rejectsAnEnvironmentVariableThatCannotBeDecoded() {
        assertThatThrownBy(() -> SettingsLoader.load(null, Map.of("TIDEGATE_DATA_DIR", "/data/M\uFFFDller"), Map.of()))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("TIDEGATE_DATA_DIR")
                .hasMessageContaining("LC_ALL=C.UTF-8");
        assertThat(SettingsLoader.load(null, Map.of("OTHER", "\uFFFD"), Map.of())
                        .shards())
                .isEqualTo(8);
    }

    @Test
    void derivesTheEntitiesOfATenantFromTheHeapAndRejectsMoreThanItHolds() {
        long mib = 1024 * 1024;
        EntityBound small = new EntityBound(512 * mib, 256 * mib, 8);
        EntityBound large = new EntityBound(8192 * mib, 512 * mib, 8);
        assertThat(small.rounded()).isEqualTo(600_000);
        assertThat(new EntityBound(505 * mib, 252 * mib, 8).rounded()).isEqualTo(small.rounded());
        assertThat(large.rounded()).isEqualTo(4_000_000);
        assertThat(small.heapNeeded(small.entities())).isLessThanOrEqualTo(2 * small.heapBytes());
        assertThat(new EntityBound(large.heapNeeded(3_000_000), 0, 8).entities())
                .isEqualTo(3_000_000);

        assertThat(flags("entities.max", "1000").entitiesMax()).isEqualTo(1000);
        assertThat(flags().entitiesMax()).isPositive();
        assertThatThrownBy(() ->
                        flags("entities.max", "500000000", "shards", "1000").entitiesMax())
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("entities.max = 500000000 does not fit")
                .hasMessageContaining("-Xmx");
        assertThatThrownBy(() -> flags("entities.max", "-1"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("entities.max");
    }

    @Test
    void derivesTheMemoryOfStateStoresFromTheHeapAndRejectsLessThanTheyNeed() {
        long mib = 1024 * 1024;

        assertThat(flags("state.memory.bytes", "67108864").stateMemoryBytes()).isEqualTo(64 * mib);
        assertThat(flags().stateMemoryBytes())
                .isEqualTo(Math.max(
                        flags().stores() * mib / 2, Runtime.getRuntime().maxMemory() / 4));
        assertThat(flags("shards", "10000").stateMemoryBytes()).isEqualTo(40_000 * mib / 2);
        assertThatThrownBy(() ->
                        flags("state.memory.bytes", "67108864", "shards", "64").stateMemoryBytes())
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("state.memory.bytes = 67108864")
                .hasMessageContaining("at least 134217728 bytes");
    }
}
