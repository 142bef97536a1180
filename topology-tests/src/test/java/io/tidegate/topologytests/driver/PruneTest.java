package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.TENANT_COMMANDS;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static io.tidegate.topologytests.driver.TopologyFixture.signal;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A record of {@code signals-accepted} without a value prunes. With the command to delete, it also removes the copies. */
class PruneTest {
    private static final Duration CHECKPOINT = Duration.ofSeconds(1);

    @TempDir(factory = MemoryDir.class)
    Path dir;

    private static List<Long> seqs(TopologyFixture topology) {
        return topology.wal("42").stream().map(record -> record.seq()).toList();
    }

    private static void prune(TopologyFixture topology, long belowSeq) {
        topology.pipe(
                TENANT_COMMANDS,
                record("{\"command\":\"prune-wal\",\"below_seq\":" + belowSeq + "}")
                        .key("42")
                        .now());
    }

    @Test
    void removesSegmentsBelowTheSequenceNumberAndContinuesWithTheNextOne() throws IOException {
        try (TopologyFixture topology = TopologyFixture.in(dir).segmentBytes(1).start()) {
            topology.config("42", "");
            topology.verdicts(4, "42", T0);
            assertThat(seqs(topology)).containsExactly(0L, 1L, 2L, 3L);

            prune(topology, 2);
            topology.advanceWallClock(CHECKPOINT);
            assertThat(seqs(topology)).containsExactly(2L, 3L);

            prune(topology, 4);
            topology.advanceWallClock(CHECKPOINT);
            assertThat(dir.resolve("tenants/42")).doesNotExist();
            topology.read(SIGNALS_ACCEPTED);
            assertThat(topology.send(signal("42", T0)).verdict()).isEqualTo(TopologyFixture.ACCEPTED);
            assertThat(seqs(topology)).containsExactly(4L);
            assertThat(topology.dataDir().segments(TenantId.of(42))).hasSize(1);
        }
    }

    @Test
    void removesTheCopiesOnlyOfADeletedTenant() throws IOException {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("42", "");
            topology.verdicts(2, "42", T0);
            Path copies = Files.createDirectories(dir.resolve(".tidegate/quarantine"));
            Path own = Files.createFile(copies.resolve("42.some.log.from-0"));
            Path others = Files.createFile(copies.resolve("421.some.log.from-0"));

            prune(topology, 2);
            assertThat(own).exists();
            topology.configRecord(TopologyFixture.bytes("42"), null);
            topology.pipe(
                    TENANT_COMMANDS,
                    record("{\"command\":\"delete-tenant\"}").key("42").now());

            assertThat(own).doesNotExist();
            assertThat(others).exists();
        }
    }
}
