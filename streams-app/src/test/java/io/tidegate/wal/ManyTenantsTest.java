package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many tenants with few signals each, and fewer open files: the costs of a write and a checkpoint. */
class ManyTenantsTest {
    private static final int SHARD = 3;
    private static final int TENANTS = 400;
    private static final int OPEN_FILES = 16;
    private static final int WRITES = 10;

    @TempDir(factory = MemoryDir.class)
    Path root;

    private final AcceptedTopic topic = new AcceptedTopic();
    private FaultyDisk disk;
    private DataDir dir;
    private Shard shard;
    private int applied;

    private static WalSettings settings(long pendingBytes) {
        return new WalSettings(1 << 20, Duration.ofDays(1), 1 << 20, pendingBytes, OPEN_FILES, Compression.NONE);
    }

    @BeforeEach
    void open() {
        disk = new FaultyDisk(root);
        dir = new DataDir(disk.root());
        shard = new Shard(dir, SHARD, settings(1 << 20));
    }

    @AfterEach
    void close() {
        shard.close();
    }

    /** Appends one signal for each tenant in a range. */
    private void signals(int from, int to) {
        for (int tenant = from; tenant < to; tenant++) {
            topic.add(TenantId.of(tenant), 0, null, "a signal");
        }
        topic.apply(shard, applied, topic.size());
        applied = topic.size();
    }

    private void checkpoint() {
        shard.checkpoint(applied - 1);
    }

    private void assertWhole() throws IOException {
        for (int tenant = 0; tenant < TENANTS; tenant++) {
            assertThat(AcceptedTopic.stored(dir, TenantId.of(tenant))).isEqualTo(topic.of(TenantId.of(tenant)));
        }
    }

    @Test
    void aCheckpointOpensAndFsyncsEachFileOnceHoweverManySignalsCameSince() throws IOException {
        signals(0, TENANTS);
        checkpoint();
        int opened = disk.segmentsOpened();
        int forced = disk.segmentsForced();

        for (int write = 0; write < WRITES; write++) {
            signals(0, TENANTS);
            shard.flushOpen();
        }
        assertThat(disk.segmentsForced() - forced).as("fsyncs by writes").isZero();
        checkpoint();

        assertThat(disk.segmentsOpened() - opened).as("opened").isLessThanOrEqualTo(TENANTS);
        assertThat(disk.segmentsForced() - forced).as("fsynced").isEqualTo(TENANTS);
        assertWhole();
    }

    @Test
    void aNewTenantsFileIsOpenedAndFsyncedOnceUntilItIsDurable() throws IOException {
        signals(0, TENANTS);
        shard.flushOpen();
        checkpoint();

        assertThat(disk.segmentsOpened()).isEqualTo(TENANTS);
        assertThat(disk.segmentsForced()).isEqualTo(TENANTS);
        assertWhole();
    }

    @Test
    void busyTenantsKeepTheirFilesOpenBesideManyOthers() throws IOException {
        int busy = OPEN_FILES / 2;
        signals(0, busy);
        checkpoint();
        int opened = disk.segmentsOpened();

        int rounds = 5;
        for (int round = 0; round < rounds; round++) {
            signals(busy, TENANTS);
            for (int write = 0; write < WRITES; write++) {
                signals(0, busy);
                shard.flushOpen();
                assertThat(AcceptedTopic.stored(dir, TenantId.of(0))).hasSize(2 + round * WRITES + write);
            }
            checkpoint();
        }

        assertThat(disk.segmentsOpened() - opened).isLessThanOrEqualTo(rounds * (TENANTS - busy));
        assertWhole();
    }

    @Test
    void tenantsThatFitAreVisibleAfterAWriteAndTheOthersAfterTheCheckpoint() throws IOException {
        signals(0, OPEN_FILES);
        shard.flushOpen();
        for (int tenant = 0; tenant < OPEN_FILES; tenant++) {
            assertThat(AcceptedTopic.stored(dir, TenantId.of(tenant))).hasSize(1);
        }
        signals(OPEN_FILES, TENANTS);
        shard.flushOpen();
        assertThat(AcceptedTopic.stored(dir, TenantId.of(TENANTS - 1))).isEmpty();
        checkpoint();
        assertWhole();

        int idle = TENANTS / 2;
        signals(idle, idle + 1);
        shard.flushOpen();
        assertThat(AcceptedTopic.stored(dir, TenantId.of(idle)))
                .as("files that are durable give their places to others")
                .hasSize(2);
    }

    @Test
    void aCheckpointIsPutOffWhileManyTenantsWaitButNotIndefinitely() {
        signals(0, TENANTS);
        for (int i = 0; i < Shard.PUT_OFF_MAX; i++) {
            shard.checkpointWhenDue(applied - 1);
            assertThat(shard.committedOffset()).isEqualTo(Shard.NO_OFFSET);
        }
        shard.checkpointWhenDue(applied - 1);
        assertThat(shard.committedOffset()).isEqualTo(applied - 1);
        assertThat(disk.segmentsForced()).isEqualTo(TENANTS);

        signals(0, OPEN_FILES);
        shard.checkpointWhenDue(applied - 1);
        assertThat(shard.committedOffset()).as("few tenants are never put off").isEqualTo(applied - 1);
    }

    @Test
    void theTenantsWhoseBatchesWaitInMemoryAreBounded() throws IOException {
        shard.close();
        shard = new Shard(dir, SHARD, settings(100 * 1024));
        signals(0, 100);
        assertThat(disk.segmentsOpened()).isZero();

        signals(100, 101);

        assertThat(disk.segmentsOpened()).isEqualTo(101);
        List<Integer> found = new ArrayList<>();
        for (int tenant = 0; tenant < 101; tenant++) {
            found.add(AcceptedTopic.stored(dir, TenantId.of(tenant)).size());
        }
        assertThat(found).containsOnly(1);
    }
}
