package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.cli.InProcess;
import io.tidegate.demo.ChildJvm;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TestBroker;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every block of commands in the documentation works as printed, with a running instance. Bash runs a block. It finds no
 * programs except those of {@link #NOT_RUN} and those that this test prepares, so a block with any other program fails.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class DocumentedCommandsTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final List<String> TENANTS = List.of("1", "2", "42", "43");

    /** Pages whose commands are not run here, each with the reason. */
    private static final Map<String, String> PAGES_NOT_RUN =
            Map.of("docs/install.md", "changes the machine: deploy/tests/test-package");

    /** Programs that are replaced by a stub, each with the reason. */
    private static final Map<String, String> NOT_RUN = Map.ofEntries(
            Map.entry("mvn", "builds and tests everything, this test too"),
            Map.entry("docker", "needs a Docker engine: deploy/tests/test-cluster"),
            Map.entry("kubectl", "needs a Kubernetes cluster"),
            Map.entry("kcat", "need not be installed: ExamplesTest"),
            Map.entry("java", "a measurement of the WAL by hand"),
            Map.entry("kafka-dump-log.sh", "reads a file of the demo: DumpLogSegmentsTest"),
            Map.entry("./tidegate-faults", "half an hour of faults, by hand"),
            Map.entry("deploy/tests/test-cluster", "needs a Docker engine: .ci/run"),
            Map.entry("benchmarks/pipeline", "measures for hours, by hand"),
            Map.entry("benchmarks/micro", "measures for half an hour, by hand"),
            Map.entry("benchmarks/sizing", "measures, by hand"),
            Map.entry("benchmarks/audience", "measures, by hand"),
            Map.entry("benchmarks/alignment", "measures, by hand"),
            Map.entry("benchmarks/profile", "needs a recording of benchmarks/pipeline"));

    /** Prefixes of Tidegate's own commands that are not run here, each with the reason. */
    private static final Map<String, String> OWN_NOT_RUN = Map.of(
            "demo", "starts a broker of its own, until Ctrl-C",
            "run ", "does not end: the instance of this test runs so",
            "reset ", "all instances must be stopped: RemediesTest",
            "init --take-over", "all instances must be stopped: RemediesTest",
            "wal verify --repair", "the instance must be stopped: the tests of the WAL");

    private static final Map<String, String> KAFKA_TOOLS = Map.of(
            "kafka-configs.sh", "kafka.admin.ConfigCommand",
            "kafka-console-producer.sh", "org.apache.kafka.tools.ConsoleProducer");

    private static final List<String> COMMON_TOOLS = List.of("cat", "head");

    private static final Pattern BLOCK = Pattern.compile("(?ms)^ *```sh\n(.*?)^ *```$");

    @TempDir
    private static Path temp;

    private static TestBroker broker;
    private static TidegateProcess instance;
    private static Http http;
    private static Path bin;
    private static Path dataDir;
    private static KafkaProducer<String, String> producer;

    /** A block of commands, with its page and its place there. */
    record Block(String place, String text) {
        @Override
        public String toString() {
            return place;
        }
    }

    static Stream<Block> blocks() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")));
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(page -> page.toString().endsWith(".md")).sorted().forEach(pages::add);
        }
        List<Block> blocks = new ArrayList<>();
        pages.removeIf(page -> PAGES_NOT_RUN.containsKey(ROOT.relativize(page).toString()));
        for (Path page : pages) {
            String text = Files.readString(page);
            for (MatchResult match : BLOCK.matcher(text).results().toList()) {
                long line = text.substring(0, match.start(1)).lines().count() + 1;
                blocks.add(new Block("%s:%d".formatted(ROOT.relativize(page), line), match.group(1)));
            }
        }
        return blocks.stream();
    }

    @BeforeAll
    static void start() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/curl")), "curl");
        broker = TestBroker.start(temp, TestBroker.SHORT_SESSIONS);
        broker.admin()
                .createTopics(List.of(new NewTopic("web-events", 1, (short) 1)))
                .all()
                .get(30, TimeUnit.SECONDS);
        producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer());
        send("web-events", "{\"site\":{\"account\":42},\"event\":\"purchase\"}");
        dataDir = temp.resolve("data/1");
        // Two empty data directories, as of two instances.
        Files.createDirectories(temp.resolve("data/2/wal"));
        Files.createDirectories(temp.resolve("data/3/wal"));
        instance = TidegateProcess.run(
                temp.resolve("logs"),
                "-Xmx512m",
                Map.of(),
                "--bootstrap-server",
                broker.bootstrapServers(),
                "--data-dir",
                dataDir.toString(),
                "--set",
                "http.port=0");
        http = Http.of(instance);
        bin = Files.createDirectories(temp.resolve("bin"));
        prepare(bin);
    }

    @AfterAll
    static void stop() {
        if (producer != null) {
            producer.close();
        }
        if (instance != null) {
            instance.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    private static void prepare(Path directory) throws IOException {
        for (String program : NOT_RUN.keySet()) {
            if (!program.contains("/")) {
                script(directory.resolve(program), NOTHING);
            }
        }
        for (String tool : COMMON_TOOLS) {
            Files.createSymbolicLink(directory.resolve(tool), Path.of("/usr/bin", tool));
        }
        for (Map.Entry<String, String> tool : KAFKA_TOOLS.entrySet()) {
            script(directory.resolve(tool.getKey()), "exec %s \"$@\"\n".formatted(java(tool.getValue())));
        }
        String skipped = OWN_NOT_RUN.keySet().stream()
                .map(beginning -> "'%s'*".formatted(beginning))
                .collect(Collectors.joining("|"));
        script(directory.resolve("tidegate"), """
                case "$*" in
                  %1$s) exit 0 ;;
                  *' -f '*) [[ $1 == rejections ]] && follows=1 ;;
                esac
                run() { exec %2$s "$@"; }
                """.formatted(skipped, java("io.tidegate.cli.Tidegate")) + FOLLOW);
        // Retries, because the instance may not have read new configs yet.
        script(directory.resolve("curl"), """
                [[ " $* " == *' -N '* ]] && follows=1
                run() { exec /usr/bin/curl -sS --fail-with-body --retry 20 --retry-delay 1 --retry-all-errors "$@"; }
                """ + FOLLOW);
    }

    /** Reads its input, because a writer to a program that has ended would fail. */
    private static final String NOTHING = "cat >/dev/null\n";

    /** A program that follows must print a line that is not an error, and is then stopped. */
    private static final String FOLLOW = """
            [[ -n ${follows:-} ]] || run "$@"
            coproc PROGRAM { run "$@" 2>&1; }
            pid=$PROGRAM_PID
            read -r -t 60 -u "${PROGRAM[0]}" line || exit 1
            kill "$pid"
            echo "$line"
            [[ $line != tidegate:* && $line != curl:* ]]
            """;

    private static String java(String mainClass) {
        List<String> command = ChildJvm.command("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
        command.add(mainClass);
        return command.stream().map(word -> "'" + word + "'").collect(Collectors.joining(" "));
    }

    private static void script(Path file, String body) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/bash\n" + body);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @ParameterizedTest
    @MethodSource("blocks")
    void theCommandsOfTheDocumentationWork(Block block) throws Exception {
        Path workDir = Files.createTempDirectory(temp, "block-");
        prepareTenants(workDir);
        Files.createSymbolicLink(workDir.resolve("tidegate"), bin.resolve("tidegate"));
        for (String program : NOT_RUN.keySet()) {
            if (program.contains("/")) {
                script(workDir.resolve(program), NOTHING);
            }
        }
        // An empty file, so that the block uses this test's application whatever the page configures.
        Files.writeString(workDir.resolve("tidegate.properties"), "");
        Path out = workDir.resolve("out.log");
        ProcessBuilder bash = new ProcessBuilder("/bin/bash", "-euo", "pipefail", "-c", "set -x\n" + here(block.text()))
                .directory(workDir.toFile())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile());
        bash.environment().clear();
        bash.environment()
                .putAll(Map.of(
                        "PATH", bin.toString(),
                        "HOME", workDir.toString(),
                        "LC_ALL", "C.UTF-8",
                        "TIDEGATE_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
                        "TIDEGATE_DATA_DIR", dataDir.toString(),
                        "TIDEGATE_HTTP_PORT", http.url.replaceFirst(".*:", "")));
        Process process = bash.start();
        process.getOutputStream().close();
        boolean ended = process.waitFor(2, TimeUnit.MINUTES);
        process.destroyForcibly();
        assertThat(ended && process.exitValue() == 0)
                .as("%s:%n%s%n%s%n%s", block.place(), block.text(), Files.readString(out), instance.logText())
                .isTrue();
    }

    /** Returns the block with the addresses and directories of this test. */
    private static String here(String text) {
        return text.replaceAll("(127\\.0\\.0\\.1:PORT|localhost:9092|kafka(-\\d)?:9092)", broker.bootstrapServers())
                .replaceAll("https://ops\\.example/tidegate|(http://127\\.0\\.0\\.1|localhost):808\\d", http.url)
                .replaceAll("(?<=--data-dir )(DIR|COPY)", dataDir.toString())
                .replaceAll("(?<= )/data/", temp.resolve("data") + "/")
                .replace("/var/lib/node_exporter", temp.toString());
    }

    /** Gives every tenant an unlimited config and records in its WAL, whatever the previous block changed. */
    private static void prepareTenants(Path workDir) throws Exception {
        Path file = workDir.resolve("seed.yaml");
        Files.writeString(
                file,
                TENANTS.stream()
                        .map(tenant -> "  - {tenant_id: %s, blocked_until: null}%n".formatted(tenant))
                        .collect(Collectors.joining("", "plans: {}\ntenants:\n", "")));
        InProcess applied = InProcess.run(
                "tenants", "apply", "-f", file.toString(), "--prune", "--bootstrap-server", broker.bootstrapServers());
        assertThat(applied.exit()).as(applied.err()).isZero();
        for (String tenant : TENANTS) {
            long before = accepted(tenant);
            TidegateProcess.await(
                    Duration.ofSeconds(60), "tenant %s to be accepted".formatted(tenant), instance::logText, () -> {
                        send("signals", "{\"tenant_id\":%s,\"item\":\"sku-1\"}".formatted(tenant));
                        return accepted(tenant) > before;
                    });
        }
        send("signals", "{\"tenant_id\":77}");
        send("signals", "no JSON");
    }

    private static long accepted(String tenant) {
        Http.Answer answer = http.send("GET", "/v1/tenants/%s/usage".formatted(tenant), null);
        JsonNode usage = answer.json();
        return answer.status() == 200 ? usage.findPath("accepted").asLong() : -1;
    }

    private static void send(String topic, String value) {
        try {
            producer.send(new ProducerRecord<>(topic, value)).get(30, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
