package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.LastVerify;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalReader;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class WalCommandTest {
    private static final TenantId TENANT = TenantId.of(42);
    private static final TenantId LARGEST = TenantId.parse("18446744073709551615");
    private static final long SEGMENT_BYTES = 2048;
    private static final int RECORDS = 40;
    private static final long TIME_MS = 1_700_000_000_000L;

    @TempDir
    private Path root;

    private DataDir dir;

    /** Writes some segments of several batches for tenant 42, and one record each for the default and the largest tenant. */
    @BeforeEach
    void writeWal() {
        dir = new DataDir(root);
        WalSettings settings = WalSettings.of(SEGMENT_BYTES, Duration.ofHours(1), 8, Compression.NONE);
        try (Shard shard = new Shard(dir, 3, settings)) {
            long openBytes = SEGMENT_BYTES;
            for (int seq = 0; seq < RECORDS; seq++) {
                boolean begins = openBytes >= SEGMENT_BYTES;
                WalRecord record = record(seq, "{\"n\":%d,\"pad\":\"%s\"}".formatted(seq, "x".repeat(100)));
                openBytes = record.ownBytes() + (begins ? 0 : openBytes);
                shard.append(TENANT, record, begins);
                if (seq % 5 == 4) {
                    shard.flush();
                }
            }
            shard.append(TenantId.DEFAULT, record(0, "steer \u001b[2J the\nterminal"), true);
            shard.append(LARGEST, record(0, "{}"), true);
            shard.checkpoint(100);
        }
    }

    private static WalRecord record(long seq, String value) {
        Header[] headers = {new RecordHeader("h", "v".getBytes(StandardCharsets.UTF_8))};
        return new WalRecord(seq, TIME_MS + seq, null, value.getBytes(StandardCharsets.UTF_8), headers);
    }

    private List<Path> segments() throws IOException {
        try (Stream<Path> files = Files.list(dir.walOf(TENANT))) {
            return files.sorted().toList();
        }
    }

    private Cli run(String... args) {
        return Cli.run(Stream.concat(Stream.of(args), Stream.of("--data-dir", root.toString()))
                .toArray(String[]::new));
    }

    private static List<JsonNode> lines(Cli run) {
        return run.out()
                .lines()
                .map(line -> Json.tree(line.getBytes(StandardCharsets.UTF_8)))
                .toList();
    }

    @Test
    void listsSegmentsOfAllTenants() throws IOException {
        Cli run = run("wal", "ls");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.err()).isEmpty();
        assertThat(run.out().lines()).hasSize(1 + segments().size() + 2);
        assertThat(run.out())
                .contains("00000000000000000000.shard-00003.log")
                .contains("18446744073709551615")
                .contains("sealed");
    }

    @Test
    void listsSegmentsAsJson() throws IOException {
        Cli run = run("wal", "ls", "42", "-o", "json");

        List<JsonNode> lines = lines(run);
        assertThat(lines).hasSameSizeAs(segments()).hasSizeGreaterThan(2);
        assertThat(lines).allSatisfy(line -> {
            assertThat(line.get("tenant_id").asLong()).isEqualTo(42);
            assertThat(line.get("shard").asInt()).isEqualTo(3);
            assertThat(Path.of(line.get("path").asText()))
                    .exists()
                    .hasSize(line.get("bytes").asLong());
        });
        assertThat(lines.stream().filter(line -> line.get("last").asBoolean())).hasSize(1);
    }

    @Test
    void printsRecordsInOrder() {
        Cli run = run("wal", "cat", "42", "--from-seq", "10", "-n", "20", "-o", "json");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        List<JsonNode> lines = lines(run);
        assertThat(lines)
                .extracting(line -> line.get("seq").asInt())
                .containsExactlyElementsOf(
                        Stream.iterate(10, n -> n + 1).limit(20).toList());
        JsonNode first = lines.get(0);
        assertThat(first.get("timestamp").asText()).isEqualTo("2023-11-14T22:13:20.010Z");
        assertThat(first.get("value").asText()).startsWith("{\"n\":10,");
        assertThat(first.get("key").isNull()).isTrue();
        assertThat(first.at("/headers/0/value").asText()).isEqualTo("v");
    }

    @Test
    void printsNoControlCharactersRaw() {
        Cli table = run("wal", "cat", "0");
        Cli json = run("wal", "cat", "0", "-o", "json");

        assertThat(table.out()).contains("steer ·[2J the·terminal").doesNotContain("\u001b");
        assertThat(table.out().lines()).hasSize(1);
        assertThat(json.out()).doesNotContain("\u001b");
        assertThat(lines(json).get(0).get("value").asText()).isEqualTo("steer \u001b[2J the\nterminal");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--from-seq=-1", "--max=-1"})
    void rejectsNegativeNumbers(String option) {
        Cli run = run("wal", "cat", "42", option);

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("--from-seq and --max must be at least 0");
    }

    @Test
    void findsAnUntouchedWalClean() {
        Cli table = run("wal", "verify");
        Cli json = run("wal", "verify", "-o", "json");

        assertThat(table.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(table.out()).endsWith("%nclean%n".formatted()).doesNotContain("DAMAGE");
        assertThat(json.exitCode()).isEqualTo(ExitCodes.OK);
        JsonNode report = lines(json).get(0);
        assertThat(report.get("clean").asBoolean()).isTrue();
        assertThat(report.get("records").asInt()).isEqualTo(RECORDS + 2);
        assertThat(report.get("damage")).isEmpty();
    }

    /** The dashboard shows it. A check of only one tenant is not stored, because it does not cover the others. */
    @Test
    void storesTheResultOfTheLastCheckOfAllFiles() throws IOException {
        run("wal", "verify", "42");
        assertThat(LastVerify.read(dir)).isNull();

        run("wal", "verify");
        LastVerify clean = LastVerify.read(dir);
        flip(segments().get(1), 70);
        run("wal", "verify");
        LastVerify damaged = LastVerify.read(dir);

        assertThat(clean).isNotNull();
        assertThat(clean.records()).isEqualTo(RECORDS + 2);
        assertThat(clean.damaged()).isZero();
        assertThat(damaged).isNotNull();
        assertThat(damaged.damaged()).isPositive();
        Files.writeString(root.resolve(".tidegate").resolve("verified"), "at=yesterday records=1 damaged=0");
        assertThat(LastVerify.read(dir)).as("an unreadable result").isNull();
    }

    @Test
    void reportsThePlaceOfDamage() throws IOException {
        Path segment = segments().get(1);
        flip(segment, 70);

        Cli table = run("wal", "verify");
        Cli json = run("wal", "verify", "42", "-o", "json");

        assertThat(table.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(table.out())
                .contains("DAMAGE tenant t42, %s, byte 0: ".formatted(segment))
                .contains("DAMAGED")
                .doesNotContain("%nclean%n".formatted());
        assertThat(json.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        JsonNode report = lines(json).get(0);
        assertThat(report.get("clean").asBoolean()).isFalse();
        JsonNode damage = report.get("damage").get(0);
        assertThat(damage.get("tenant_id").isIntegralNumber()).isTrue();
        assertThat(damage.get("tenant_id").asLong()).isEqualTo(42);
        assertThat(damage.get("tenant").asText()).isEqualTo("42");
        assertThat(damage.get("segment").asText()).isEqualTo(segment.toString());
        assertThat(damage.get("byte").asLong()).isZero();
        assertThat(damage.get("what").asText()).isNotBlank();
    }

    @Test
    void reportsTheByteAtWhichALaterBatchIsDamaged() throws IOException {
        Path segment = segments().get(0);
        // A batch is 12 bytes, of which the last four are the length of the rest, and that rest.
        byte[] bytes = Files.readAllBytes(segment);
        int second = 12 + java.nio.ByteBuffer.wrap(bytes).getInt(8);
        assertThat(bytes.length).as("the segment has a second batch").isGreaterThan(second + 70);
        flip(segment, second + 70);

        Cli run = run("wal", "verify", "42");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(run.out()).contains("DAMAGE tenant t42, %s, byte %d: ".formatted(segment, second));
    }

    @Test
    void reportsAMissingSegment() throws IOException {
        Files.delete(segments().get(1));

        Cli run = run("wal", "verify", "42");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(run.out()).contains("before this segment are missing");
    }

    @Test
    void exportsTheOtherTenantsIfOneIsDamaged(@TempDir Path archive) throws IOException {
        flip(segments().get(1), 100);

        Cli run = Cli.run("wal", "export", "--data-dir", root.toString(), "--to", archive.toString());

        assertThat(run.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(run.err()).contains("damage in the WAL: tenant t42").doesNotContain("tenant t0");
        assertThat(run.out()).contains(LARGEST.decimal()).doesNotContain(" 42 ");
        assertThat(new DataDir(archive).tenants()).contains(TenantId.DEFAULT, LARGEST);
    }

    @Test
    void stopsPrintingAtDamage() throws IOException {
        Path segment = segments().get(1);
        flip(segment, 70);

        Cli run = run("wal", "cat", "42", "-o", "json");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(lines(run)).isNotEmpty().hasSizeLessThan(RECORDS);
        assertThat(run.err())
                .startsWith("tidegate: damage in the WAL: tenant t42, segment %s, byte 0".formatted(segment))
                .doesNotContain("\tat ");
    }

    @Test
    void reportsADirectoryThatBelongsToNoTenant() throws IOException {
        Files.createDirectory(root.resolve("tenants/no\u001btenant"));

        Cli run = run("wal", "verify");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(run.out())
                .contains("no·tenant")
                .contains("the name is not a tenant's")
                .doesNotContain("\u001b");
    }

    @Test
    void aTenantThatDoesNotExistIsAnError() {
        for (String command : new String[] {"ls", "cat", "verify"}) {
            Cli run = run("wal", command, "7");

            assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
            assertThat(run.out()).isEmpty();
            assertThat(run.err()).isEqualTo("tidegate: tenant t7 has no WAL in %s%n".formatted(root));
        }
        assertThat(run("wal", "cat", "7", "-f").exitCode()).isEqualTo(ExitCodes.FAILED);
    }

    @Test
    void aTenantWithoutSegmentsIsNotAnError() throws IOException {
        Files.createDirectories(root.resolve("tenants/7/wal"));

        for (String command : new String[] {"ls", "cat", "verify"}) {
            Cli run = run("wal", command, "7");

            assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
            assertThat(run.err()).isEqualTo("tenant t7 has no WAL in %s any more%n".formatted(root));
        }
    }

    @Test
    void printsOnlyTheRecordsOfATimeAndWithAHeader() {
        Cli range = run(
                "wal",
                "cat",
                "42",
                "--since",
                "2023-11-14T22:13:20.010Z",
                "--until",
                "2023-11-14T22:13:20.013Z",
                "-o",
                "json");
        assertThat(lines(range)).extracting(line -> line.get("seq").asInt()).containsExactly(10, 11, 12);

        assertThat(run("wal", "cat", "42", "--since", "15m").out()).isEmpty();
        assertThat(run("wal", "cat", "42", "--header", "h=v", "-n", "2").out()).hasLineCount(2);
        assertThat(run("wal", "cat", "42", "--header", "h=w").out()).isEmpty();
    }

    /** The second batch and the second segment are written while the reader is open. */
    @Test
    void followsRecordsThatAreWrittenAfterItsEnd() throws Exception {
        WalSettings settings = WalSettings.of(SEGMENT_BYTES, Duration.ofHours(1), 8, Compression.NONE);
        Path other = root.resolve("other");
        TenantId tenant = TenantId.of(5);
        try (Shard shard = new Shard(new DataDir(other), 3, settings)) {
            shard.append(tenant, record(0, "first"), true);
            shard.flush();
            try (WalReader reader = WalReader.open(new DataDir(other), tenant, 0)) {
                assertThat(seqs(reader)).containsExactly(0L);

                shard.append(tenant, record(1, "second"), false);
                shard.append(tenant, record(2, "third"), false);
                shard.flush();
                reader.refresh();
                assertThat(seqs(reader)).containsExactly(1L, 2L);

                reader.refresh();
                assertThat(seqs(reader)).isEmpty();

                shard.append(tenant, record(3, "fourth"), false);
                shard.append(tenant, record(4, "in the next segment"), true);
                shard.flush();
                reader.refresh();
                assertThat(seqs(reader)).containsExactly(3L, 4L);
            }

            CompletableFuture<Cli> following = CompletableFuture.supplyAsync(
                    () -> Cli.run("wal", "cat", "5", "-f", "-n", "6", "-o", "json", "--data-dir", other.toString()));
            shard.append(tenant, record(5, "sixth"), false);
            shard.flush();

            Cli run = following.get(60, TimeUnit.SECONDS);
            assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCodes.OK);
            assertThat(lines(run)).extracting(line -> line.get("seq").asInt()).containsExactly(0, 1, 2, 3, 4, 5);
        }
    }

    private static List<Long> seqs(WalReader reader) throws IOException {
        List<Long> seqs = new ArrayList<>();
        for (WalRecord record = reader.next(); record != null; record = reader.next()) {
            seqs.add(record.seq());
        }
        return seqs;
    }

    @ParameterizedTest
    @ValueSource(strings = {"ls", "cat 42", "verify"})
    void rejectsADirectoryThatIsMissingOrNotADataDirectory(String command) throws IOException {
        Path missing = root.resolve("missing");
        Path other = Files.createDirectory(root.resolve("other"));

        String[] words = ("wal " + command + " --data-dir ").split(" ");
        Cli onMissing = Cli.run(
                Stream.concat(Stream.of(words), Stream.of(missing.toString())).toArray(String[]::new));
        Cli onOther = Cli.run(
                Stream.concat(Stream.of(words), Stream.of(other.toString())).toArray(String[]::new));

        assertThat(onMissing.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(onMissing.out()).isEmpty();
        assertThat(onMissing.err()).contains("the data directory %s does not exist".formatted(missing));
        assertThat(onOther.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(onOther.err()).contains("%s is not a data directory".formatted(other));
    }

    private static void flip(Path file, int position) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[position] ^= 1;
        Files.write(file, bytes);
    }
}
