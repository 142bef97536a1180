package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.WalRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Kafka's own log dumper reads the WAL, because its format is exactly Kafka's. */
@Timeout(600)
class DumpLogSegmentsTest {
    private static final String HEADER_LINE = "| offset: ";

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    @Test
    void itListsEveryRecordOfEverySegmentAndFindsNothingWrong() throws Exception {
        List<WalRecord> stored;
        List<Path> segments;
        try (TopologyFixture topology =
                TopologyFixture.in(dir.resolve("data")).segmentBytes(2_000).start()) {
            topology.config("42", "");
            for (int i = 0; i < 60; i++) {
                assertThat(topology.send(record("{\"tenant_id\":42,\"item\":\"item-" + i + "\"}")
                                        .key("key-" + i)
                                        .header("trace", "trace-" + i)
                                        .at(T0 + i))
                                .verdict())
                        .isEqualTo(ACCEPTED);
            }
            stored = topology.wal("42");
            try (Stream<Path> files = Files.list(topology.dataDir().walOf(TenantId.of(42)))) {
                segments = files.sorted().toList();
            }
        }
        assertThat(stored).hasSize(60);
        assertThat(segments).hasSizeGreaterThan(2);

        String dump = dump(segments);

        List<String> records =
                dump.lines().filter(line -> line.startsWith(HEADER_LINE)).toList();
        assertThat(records).as(dump).hasSize(60);
        for (int i = 0; i < 60; i++) {
            assertThat(records.get(i))
                    .startsWith(HEADER_LINE + i + " CreateTime: " + (T0 + i) + " ")
                    .contains("headerKeys: [trace,tidegate.source]")
                    .contains("key: key-" + i + " ")
                    .endsWith("payload: {\"tenant_id\":42,\"item\":\"item-" + i + "\"}");
        }
        assertThat(dump.lines().filter(line -> line.startsWith("baseOffset: ")))
                .isNotEmpty()
                .allMatch(line -> line.contains("isvalid: true") && line.contains("magic: 2"));
        assertThat(dump).doesNotContainIgnoringCase("invalid", "mismatch", "corrupt", "exception");
        // The dumper expects offset 0 at the start of each file and reports any other one, even for Kafka's own
        // segments.
        assertThat(dump.lines().filter(line -> line.contains(" is followed by ")))
                .containsExactlyInAnyOrderElementsOf(segments.stream()
                        .skip(1)
                        .map(segment -> "  -1 is followed by " + firstSeq(segment))
                        .toList());
    }

    private static long firstSeq(Path segment) {
        return Long.parseLong(segment.getFileName().toString().substring(0, 20));
    }

    /** Runs the dumper in a separate process, because it may exit the one that it runs in. */
    private String dump(List<Path> segments) throws IOException, InterruptedException {
        Path output = dir.resolve("dump.txt");
        Process dumper = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.apache.kafka.tools.DumpLogSegments",
                        "--deep-iteration",
                        "--print-data-log",
                        "--files",
                        segments.stream().map(Path::toString).collect(Collectors.joining(",")))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(dumper.waitFor(5, TimeUnit.MINUTES))
                    .as("the dumper ends")
                    .isTrue();
        } finally {
            dumper.destroyForcibly();
        }
        String text = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(dumper.exitValue()).as(text).isZero();
        return text;
    }
}
