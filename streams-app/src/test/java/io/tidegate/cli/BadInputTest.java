package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Input that is rejected before a command contacts a broker. The port in these tests has no listener, so a command that contacted
 * a broker would time out.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class BadInputTest {
    private static final String NOBODY = "--bootstrap-server=127.0.0.1:1";

    @TempDir
    private Path directory;

    private static void assertUsage(Cli run, String message) {
        assertThat(run.err()).startsWith("tidegate: ").contains(message).doesNotContain("\tat ");
        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.out()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"007", "+7", "7.0", "", " 7", "t007", "T7", "../../etc", "18446744073709551616", "\u001b[2J"})
    void rejectsABadTenantId(String id) {
        for (String command : new String[] {"get", "set", "unset", "rm"}) {
            assertUsage(Cli.run("tenants", command, NOBODY, id), "is not a decimal number from 0 to");
        }
        for (String command : new String[] {"ls", "cat", "verify"}) {
            assertUsage(Cli.run("wal", command, id), "is not a decimal number from 0 to");
        }
        assertUsage(Cli.run("rejections", "tail", NOBODY, "--tenant=" + id), "is not a decimal number from 0 to");
    }

    @Test
    void doesNotBlockUntilAPastTime() {
        assertUsage(
                Cli.run("tenants", "block", NOBODY, "42", "--until", "2001-01-01T00:00:00Z"),
                "the tenant would be blocked until 2001-01-01T00:00:00Z, which is not in the future");
    }

    @Test
    void describesWholeNumbersInWordsAndNotAsTypesOfJava() {
        assertUsage(Cli.run("rejections", "tail", NOBODY, "--max=x"), "'--max': 'x' is not a whole number");
        assertUsage(
                Cli.run("rejections", "tail", NOBODY, "-n", "99999999999"),
                "'--last': 99999999999 is outside -2147483648 to 2147483647");
        assertUsage(Cli.run("signals", "explain", NOBODY, "--max=1e3"), "'--max': '1e3' is not a whole number");
    }

    @Test
    void neverPrintsControlCharacters() {
        Cli run = Cli.run("wal", "cat", "\u001b[2J");

        assertThat(run.err()).contains("'·[2J'").doesNotContain("\u001b");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--rate | 100/m | --rate: '100/m' is not a rate such as 100/s",
                "--rate | -5 | --rate: '-5' is not a rate such as 100/s",
                "--rate | 4294967296 | max_signals_per_sec = 4294967296 is outside 0 to 4294967295",
                "--burst | 4294967296 | burst_signals = 4294967296 is outside 0 to 4294967295",
                "--burst | -1 | burst_signals = -1 is outside 0 to 4294967295",
                "--burst | x | --burst",
                "--entities | -1 | max_entities = -1 is outside 0 to 18446744073709551615",
                "--entities | 18446744073709551616 | max_entities = 18446744073709551616 is outside",
                "--byte-rate | fast | --byte-rate: 'fast' is not a rate such as 1MiB/s",
                "--byte-rate | 18446744073709551616 | max_bytes_per_sec = 18446744073709551616 is outside",
                "--byte-burst | -1 | --byte-burst: '-1' is not a size such as 1GiB",
                "--signal-size | 4GiB | --signal-size: 4GiB is above the largest limit, 4294967295 bytes",
                "--items | -1 | max_items = -1 is outside 0 to",
                "--items | many | --items: 'many' is not a whole number such as 1000",
                "--burst | unlimited | --burst",
                "--byte-burst | unlimited | --byte-burst: 'unlimited' is not a size such as 1GiB",
                "--period | unlimited,1 | --period: 'unlimited,1' is not a limit such as hour=1000",
                "--period | day=10, | --period: '' is not a size such as 1GiB",
                "--period | day=1000000000000000000000 | --period: max_signals = 1000000000000000000000 per day is outside 0 to 18446744073709551615",
                "--signal | click | --signal: 'click' is not a limit such as click=10/s or click=10/s,20",
                "--signal | click=fast | --signal: 'click=fast' is not a limit such as click=10/s",
                "--signal | click=4294967296 | --signal: max_signals_per_sec = 4294967296 is outside 0 to 4294967295",
                "--signal | click=1,4294967296 | --signal: burst_signals = 4294967296 is outside 0 to 4294967295",
                "--entity-idle-ttl | soon | --entity-idle-ttl: 'soon' is not a duration such as 500ms, 30s, 5m, 12h or 30d",
                "--entity-idle-ttl | 999ms | entity_idle_ttl = PT0.999S is outside PT1S to P3650D",
                "--entity-idle-ttl | 3651d | entity_idle_ttl = P3651D is outside PT1S to P3650D",
                "--entity-idle-ttl | -P1D | --entity-idle-ttl: '-P1D' is outside 0 to 100 years",
                "--storage | 1XB | --storage: '1XB' is not a size such as 1GiB",
                "--storage | 18446744073709551616 | max_storage_bytes = 18446744073709551616 is outside",
                "--region | EU | required_regions: 'EU' is not a region name",
                "--mode | off | --mode",
                "--blocked-until | tomorrow | --blocked-until: 'tomorrow' is not a time such as 2026-01-31T12:00:00Z",
            })
    void rejectsAnInvalidLimit(String option, String value, String message) {
        assertUsage(Cli.run("tenants", "set", "42", NOBODY, option, value), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "rate | --ceiling: 'rate' is not LIMIT=VALUE",
                "rate=fast | --ceiling: --rate: 'fast' is not a rate such as 100/s",
                "speed=5 | --ceiling: 'speed' is not a limit; limits: rate, burst, byte-rate, byte-burst, signal-size, period, signal, entities, items, users, creators, storage",
                "items=-1 | --ceiling: t0: max_items = -1 is outside",
                "mode=observe | --ceiling: ceiling: mode is not a limit",
                "label=a | --ceiling: ceiling: label is not a limit",
                "rate=unlimited | --ceiling: rate: 'unlimited' is not a ceiling; give the highest value that tenants may set",
                "period=unlimited | --ceiling: period: 'unlimited' is not a ceiling",
                "'' | --ceiling: '' is not LIMIT=VALUE",
                "=5 | --ceiling: '=5' is not LIMIT=VALUE",
            })
    void rejectsAnInvalidCeiling(String ceiling, String message) {
        assertUsage(Cli.run("plans", "set", "pro", NOBODY, "--ceiling", ceiling), message);
    }

    @Test
    void anInstanceWithTooLittleMemoryCreatesNothing() {
        Path data = directory.resolve("data");

        assertUsage(
                Cli.run("run", NOBODY, "--data-dir", data.toString(), "--set", "state.memory.bytes=1000"),
                "state.memory.bytes = 1000 is too little");
        assertThat(data).doesNotExist();
    }

    /** UTF-8 has no form for it, so an encoder would store a question mark. */
    @ParameterizedTest
    @ValueSource(strings = {"\"label\":\"\\ud83d\"", "\"external_ids\":[\"caf\\ud83d\"]"})
    void rejectsHalfACharacterInAFile(String field, @TempDir Path dir) throws IOException {
        Path file = Files.writeString(
                dir.resolve("tenants.json"), "{\"tenants\":[{\"tenant_id\":42,%s}]}".formatted(field));
        Path one = Files.writeString(dir.resolve("one.json"), "{\"tenant_id\":42,%s}".formatted(field));

        for (Cli run : List.of(
                Cli.run("tenants", "apply", "-f", file.toString(), NOBODY),
                Cli.run("tenants", "set", "42", "--from", one.toString(), NOBODY))) {
            assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCodes.USAGE);
            assertThat(run.err()).contains(field.substring(1, field.indexOf('"', 1)));
        }
    }

    /** With another limit in the ceiling, nothing else would be wrong. */
    @Test
    void rejectsACeilingWithoutAValueBesideOneWithAValue() {
        assertUsage(
                Cli.run("plans", "set", "pro", NOBODY, "--ceiling", "rate=500", "--ceiling", "entities=unlimited"),
                "--ceiling: entities: 'unlimited' is not a ceiling");
    }

    @Test
    void rejectsALabelWithControlCharacters() {
        assertUsage(Cli.run("tenants", "set", "42", NOBODY, "--label", "a\u001bb"), "label must be at most 200");
    }

    @Test
    void wantsToKnowWhatToSetAndUnset() {
        assertUsage(Cli.run("tenants", "set", "42", NOBODY), "give at least one option to set, such as --rate 100/s");
        assertUsage(Cli.run("tenants", "unset", "42", NOBODY), "give at least one option to unset, such as --rate");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"tenant_id\":42,\"rate\":1} | unknown field 'rate'",
                "{\"tenant_id\":42,\"max_signals_per_sec\":-1} | t42: max_signals_per_sec = -1 is outside",
                "{\"tenant_id\":42,\"max_signals_per_sec\":\"1\"} | max_signals_per_sec",
                "{\"tenant_id\":42 | not JSON: it ends unexpectedly at line 1",
                "'' | it is empty",
                "null | config is JSON null",
                "{\"max_entities\":1,\"max_entities\":2} | not JSON: the field 'max_entities' occurs twice",
            })
    void rejectsAnInvalidConfig(String json, String message) throws IOException {
        Path file = Files.writeString(directory.resolve("config.json"), json);

        Cli run = Cli.run("tenants", "set", "42", NOBODY, "--from", file.toString());

        assertUsage(run, "--from %s: ".formatted(file));
        assertThat(run.err()).contains(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "max_signals_per_sec: 0100 | 0100 is not a whole number in digits alone",
                "max_entities: 1%nmax_entities: 2 | Duplicate field 'max_entities'",
                "max_entities: 1%n---%nmax_entities: 2 | it has a second document (---): put all in one",
                "max_entities: &n 1%nmax_items: *n | aliases (*n) are not supported",
            })
    void rejectsAConfigInYamlThatIsAmbiguousLikeApply(String yaml, String message) throws IOException {
        Path file = Files.writeString(directory.resolve("config.yaml"), yaml.formatted());

        for (String[] set : new String[][] {{"tenants", "set", "42"}, {"plans", "set", "pro"}}) {
            Cli run = Cli.run(set[0], set[1], set[2], NOBODY, "--from", file.toString());

            assertUsage(run, "--from %s: ".formatted(file));
            assertThat(run.err()).contains(message);
        }
    }

    @Test
    void namesAMissingConfigFile() {
        assertUsage(
                Cli.run("tenants", "set", "42", NOBODY, "--from", "/no/such.json"),
                "--from /no/such.json cannot be read: /no/such.json does not exist");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--duration | 5 | '5' is not a duration such as 500ms, 30s",
                "--duration | PT-5S | 'PT-5S' is outside 0 to 100 years",
                "--duration | 999999999999d | '999999999999d' is outside 0 to 100 years",
                "--rate | fast | 'fast' is not a rate such as 100/s",
                "--tenants | 0 | --tenants = 0 is outside 1 to 1000000",
                "--tenants | 2147483647 | --tenants = 2147483647 is outside 1 to 1000000",
                "--entities | 0 | --entities = 0 is outside 1 to 2147483647",
                "--size | 2147483647 | --size = 2147483647 is outside 1 to 16777216",
                "--max-signals | -1 | --max-signals = -1 is outside",
                "--skew | NaN | --skew = NaN is outside 0 to 100",
                "--skew | -1 | --skew = -1.0 is outside 0 to 100",
                "--burst | 0 | --burst = 0 is outside 1 to 1000000",
                "--tenant-source | body | --tenant-source = body is not one of header, key, topic and value",
            })
    void rejectsAnInvalidLoad(String option, String value, String message) {
        assertUsage(Cli.run("load", NOBODY, option, value), message);
    }

    @Test
    void listsTheReasons() {
        assertUsage(
                Cli.run("rejections", "tail", NOBODY, "--reason", "bored"),
                "'bored' is not a reason; the reasons are: avro_framing, avro_undecodable, burst_exceeded, byte_rate_limited, entity_limit, malformed,");
    }

    @Test
    void aBurstNeedsARate() {
        assertUsage(Cli.run("load", NOBODY, "--rate", "0", "--burst", "10"), "--burst needs a rate");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-n -1 | -n = -1 is outside 0 to 100000",
                "--max -1 | --max = -1 is below 0",
                "--since yesterday | 'yesterday' is neither a time in UTC such as 2026-11-25T14:30:00Z nor how long ago",
                "--since 5m --until 10m | is not before --until",
                "-f --until 5m | --until selects existing records"
            })
    void rejectsAnInvalidTail(String options, String message) {
        assertUsage(Cli.run(("rejections tail " + NOBODY + " " + options).split(" ", -1)), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--topic signals | --topic requires one of --to-earliest, --to-latest and --to-datetime, and vice versa",
                "--to-latest | --topic requires one of",
                "--topic signals --to-latest --all | --all concerns the deletion of state",
                "--to-latest --all | --all concerns the deletion of state"
            })
    void rejectsAResetOfNeitherPositionsNorState(String options, String message) {
        assertUsage(Cli.run(("reset " + NOBODY + " " + options).split(" ", -1)), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tenants set 42 --rate 5/s --since 1h | --since selects the signals of a preview: add --dry-run",
                "rejections replay --yes --since 5m --until 10m | is not before --to",
                "rejections replay --max-replays 0 | --max-replays = 0 is outside 1 to 1000",
                "wal export 42 | name the directory of the archive with --to",
                "wal cat 42 -f --until 1h | --until selects existing records",
                "wal cat 42 --since 5m --until 10m | is not before --until",
                "plans set pro --ceiling rate --ceiling 500/s | --ceiling: 'rate' is not LIMIT=VALUE"
            })
    void rejectsOptionsThatSelectNothingOrWouldBeIgnored(String command, String message) {
        assertUsage(Cli.run((command + (command.startsWith("wal") ? "" : " " + NOBODY)).split(" ", -1)), message);
    }

    /** It is a label, and not a file with arguments. */
    @Test
    void anArgumentThatBeginsWithAnAtSignIsNoFile(@TempDir Path dir) throws IOException {
        Path file = Files.writeString(dir.resolve("words"), "--rate unlimited");

        Cli run = Cli.run("tenants", "set", "42", "--label", "@" + file, "--no-such-option");

        assertThat(run.err()).contains("--no-such-option").doesNotContain("unlimited");
        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(Cli.run("tenants", "set", "42", "--label", "@" + dir, "--no-such-option")
                        .err())
                .contains("--no-such-option");
    }

    @Test
    void rejectsADemoOnAnInvalidPort() {
        assertUsage(Cli.run("demo", "--port", "65536"), "--port = 65536 is outside 0 to 65535");
    }

    @Test
    void rejectsAnUnknownFormat() {
        assertUsage(Cli.run("config", "show", "-o", "xml"), "'xml'");
    }

    @Test
    void namesKeyValueRuleAndNearestNameOfBadSettings() throws IOException {
        Path unknown = Files.writeString(directory.resolve("unknown.properties"), "data.dri=x\n");
        Path bad = Files.writeString(directory.resolve("bad.properties"), "shards=0\n");

        for (String[] command : new String[][] {{"config", "validate"}, {"run"}, {"init"}, {"tenants", "ls"}}) {
            assertUsage(
                    withConfig(command, unknown),
                    "unknown setting 'data.dri' (%s); did you mean 'data.dir'?".formatted(unknown));
            assertUsage(
                    withConfig(command, bad),
                    "shards (file): Invalid value 0 for configuration shards: Value must be at least 1");
        }
    }

    private static Cli withConfig(String[] command, Path file) {
        String[] args = java.util.Arrays.copyOf(command, command.length + 2);
        args[command.length] = "--config";
        args[command.length + 1] = file.toString();
        return Cli.run(args);
    }

    @Test
    void namesAMissingClientConfig() {
        assertUsage(
                Cli.run("config", "validate", "--command-config", "/no/such.properties"),
                "--command-config /no/such.properties does not exist");
    }

    /** Any client that cannot be created fails like this. The exit code is not that of a usage error. */
    @Test
    void saysWhyThereIsNoConnection() throws IOException {
        try (ServerSocket broker = UnreachableBrokerTest.listener(UnreachableBrokerTest.TLS_ALERT)) {
            String server = "127.0.0.1:" + broker.getLocalPort();
            for (String[] command : new String[][] {
                {"tenants", "ls"}, {"tenants", "set", "42", "--rate", "1/s"}, {"init"}, {"rejections", "tail"}
            }) {
                String[] args = java.util.Arrays.copyOf(command, command.length + 3);
                args[command.length] = "--bootstrap-server=" + server;
                args[command.length + 1] = "--set=kafka.security.protocol=SSL";
                args[command.length + 2] = "--set=kafka.ssl.truststore.location=/no/such.jks";
                Cli run = UnreachableBrokerTest.answered(args);

                assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
                assertThat(run.err())
                        .startsWith("tidegate: cannot connect to %s: ".formatted(server))
                        .contains("/no/such.jks")
                        .doesNotContain("\tat ");
            }
        }
    }
}
