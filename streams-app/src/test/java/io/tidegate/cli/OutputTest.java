package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Failures to write the output, and its form and encoding. */
class OutputTest {
    private static final TenantId TENANT = TenantId.of(7);
    private static final int RECORDS = 2000;
    private static final long SECONDS_MAX = 60;

    @TempDir
    private Path root;

    @BeforeEach
    void writeWal() {
        Header[] headers = {
            new RecordHeader("a", new byte[] {'1'}),
            new RecordHeader("bin", new byte[] {(byte) 0xff, 0}),
            new RecordHeader("a", new byte[] {'2'}),
            new RecordHeader("none", null)
        };
        WalSettings settings = WalSettings.of(1 << 20, Duration.ofHours(1), 8, Compression.NONE);
        try (Shard shard = new Shard(new DataDir(root), 3, settings)) {
            for (int seq = 0; seq < RECORDS; seq++) {
                byte[] value = "{\"n\":%d}".formatted(seq).getBytes(StandardCharsets.UTF_8);
                shard.append(TENANT, new WalRecord(seq, 1000, null, value, headers));
            }
            shard.checkpoint(100);
        }
    }

    /** Accepts some bytes, then fails like a full file system or a closed pipe. */
    private static final class Failing extends OutputStream {
        private final String message;
        private int left;
        private int failures;

        Failing(int bytes, String message) {
            this.left = bytes;
            this.message = message;
        }

        @Override
        public void write(int b) throws IOException {
            if (left-- <= 0) {
                failures++;
                throw new IOException(message);
            }
        }
    }

    private String[] arguments(String command) {
        return command.replace("DIR", root.toString()).split(" ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "wal cat 7 --data-dir DIR",
                "wal cat 7 -o json --data-dir DIR",
                "wal ls --data-dir DIR",
                "wal ls -o json --data-dir DIR",
                "wal verify --data-dir DIR",
                "wal verify -o json --data-dir DIR",
                "config reference",
                "config show",
                "config show -o json",
                "config validate",
                "rejections explain rate_limited",
                "completion",
                "help",
                "help wal",
                "--help",
                "wal cat --help",
                "--version"
            })
    void aWriteErrorIsOneLineAndExitCodeOne(String command) {
        for (int bytes : new int[] {0, 10}) {
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            Failing out = new Failing(bytes, "No space left on device");

            int exit = Tidegate.execute(new StandardOutput(out, false), err, arguments(command));

            assertThat(exit).isEqualTo(ExitCodes.FAILED);
            // On a slow machine `wal verify` may also show its progress.
            assertThat(err.toString(StandardCharsets.UTF_8).lines().filter(line -> line.startsWith("tidegate: ")))
                    .containsExactly("tidegate: cannot write to standard output: No space left on device");
            assertThat(out.failures).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @CsvSource({"Broken pipe,false", "Connection reset by peer,false", "Datenübergabe unterbrochen,true"})
    void aClosedPipeEndsTheCommandQuietly(String message, boolean pipe) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Failing out = new Failing(200, message);

        int exit = Tidegate.execute(new StandardOutput(out, pipe), err, arguments("wal cat 7 --data-dir DIR"));

        assertThat(exit).isEqualTo(ExitCodes.OK);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
        assertThat(out.failures).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"wal verify --data-dir DIR", "wal verify -o json --data-dir DIR", "wal verify 7 --data-dir DIR"})
    void aClosedPipeDoesNotHideDamage(String command) throws IOException {
        DataDir dir = new DataDir(root);
        Path segment = dir.walOf(TENANT).resolve(dir.segments(TENANT).first().fileName());
        byte[] bytes = Files.readAllBytes(segment);
        bytes[bytes.length / 2] ^= 1;
        Files.write(segment, bytes);
        for (int read : new int[] {0, 10, 100}) {
            ByteArrayOutputStream err = new ByteArrayOutputStream();

            int exit = Tidegate.execute(
                    new StandardOutput(new Failing(read, "Broken pipe"), true), err, arguments(command));

            assertThat(exit).as(err.toString(StandardCharsets.UTF_8)).isEqualTo(ExitCodes.DAMAGE);
        }
    }

    @Test
    void aFullDeviceDoesNotHideDamageFoundByListing() throws IOException {
        Path stray = new DataDir(root).walOf(TENANT).resolve("00000000000000009999.shard-00003.log");
        Files.createDirectory(stray);
        ByteArrayOutputStream err = new ByteArrayOutputStream();

        int exit = Tidegate.execute(
                new StandardOutput(new Failing(0, "No space left on device"), false),
                err,
                arguments("wal ls --data-dir DIR"));

        assertThat(exit).isEqualTo(ExitCodes.DAMAGE);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .contains("cannot write to standard output", "DAMAGE tenant t7");
    }

    @Test
    void headersAreAListThatKeepsOrderRepetitionAndBytes() {
        Cli cat = Cli.run(arguments("wal cat 7 -n 1 -o json --data-dir DIR"));

        JsonNode headers = Json.tree(cat.out().getBytes(StandardCharsets.UTF_8)).get("headers");
        assertThat(headers).isEqualTo(Json.tree("""
                        [{"name":"a","value":"1"},{"name":"bin","value_base64":"/wA="},
                         {"name":"a","value":"2"},{"name":"none","value":null}]
                        """.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void anArgumentThatCannotBeDecodedIsAUsageError() {
        ByteArrayOutputStream err = new ByteArrayOutputStream();

        int exit = Tidegate.execute(
                new StandardOutput(new ByteArrayOutputStream(), false),
                err,
                "tenants",
                "set",
                "7",
                "--label",
                "\uFFFDx");

        assertThat(exit).isEqualTo(ExitCodes.USAGE);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .contains("'\uFFFDx'", "LC_ALL=C.UTF-8")
                .hasLineCount(1);
    }

    /** Runs a shell line in which {@code $TIDEGATE} is a real process of the program. */
    private ProcessResult shell(String line, Map<String, String> environment) throws Exception {
        Path out = root.resolve("out.txt");
        Path err = root.resolve("err.txt");
        String java = "'%s' -cp '%s' -XX:TieredStopAtLevel=1 io.tidegate.cli.Tidegate"
                .formatted(
                        Path.of(System.getProperty("java.home"), "bin", "java"), System.getProperty("java.class.path"));
        ProcessBuilder builder = new ProcessBuilder("bash", "-o", "pipefail", "-c", line.replace("$TIDEGATE", java))
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        if (!process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
            throw new AssertionError("did not end: " + line + Files.readString(err));
        }
        return new ProcessResult(process.exitValue(), Files.readString(out), Files.readString(err));
    }

    private record ProcessResult(int exit, String out, String err) {}

    @Test
    void aFullDeviceFailsTheRealProgram() throws Exception {
        var full = shell("$TIDEGATE wal cat 7 -o json --data-dir '%s' > /dev/full".formatted(root), Map.of());

        assertThat(full.exit()).isEqualTo(ExitCodes.FAILED);
        assertThat(full.err())
                .startsWith("tidegate: cannot write to standard output: ")
                .hasLineCount(1);
    }

    @Test
    void aClosedStandardOutputFailsTheRealProgram() throws Exception {
        var closed = shell("$TIDEGATE wal ls --data-dir '%s' >&-".formatted(root), Map.of());

        assertThat(closed.exit()).isEqualTo(ExitCodes.FAILED);
        assertThat(closed.err())
                .startsWith("tidegate: cannot write to standard output: ")
                .hasLineCount(1);
    }

    @Test
    void headEndsTheRealProgramQuietly() throws Exception {
        var head = shell("$TIDEGATE wal cat 7 --data-dir '%s' | head -2".formatted(root), Map.of());

        assertThat(head.err()).isEmpty();
        assertThat(head.out()).hasLineCount(2);
        assertThat(head.exit()).isZero();
    }
}
