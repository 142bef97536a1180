package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Many fsyncs at once: each is run once, none is under way afterwards, and a failure of one is a failure of all. */
class SyncsTest {
    private static final int SHARD = 3;
    private static final int TENANTS = 2 * Syncs.TOGETHER_MIN;

    @TempDir(factory = MemoryDir.class)
    Path root;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, Syncs.TOGETHER_MIN - 1, Syncs.TOGETHER_MIN, 500})
    void runsEachOnce(int count) throws IOException {
        List<Integer> ran = Collections.synchronizedList(new ArrayList<>());
        List<Syncs.Sync> syncs = new ArrayList<>();
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            all.add(number);
            syncs.add(() -> ran.add(number));
        }

        Syncs.all(syncs);

        assertThat(ran).containsExactlyInAnyOrderElementsOf(all);
    }

    @Test
    void reportsAFailureOnceNoneIsUnderWay() {
        AtomicInteger ran = new AtomicInteger();
        List<Syncs.Sync> syncs = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            int number = i;
            syncs.add(() -> {
                ran.incrementAndGet();
                if (number == 3) {
                    throw new IOException("no more disk");
                }
            });
        }

        assertThatThrownBy(() -> Syncs.all(syncs))
                .isInstanceOf(IOException.class)
                .hasMessage("no more disk");
        assertThat(ran).hasValue(100);
    }

    @Test
    void anInterruptIsKeptAndDoesNotEndTheWait() throws IOException {
        AtomicInteger ran = new AtomicInteger();
        Thread.currentThread().interrupt();

        Syncs.all(Collections.nCopies(100, ran::incrementAndGet));

        assertThat(Thread.interrupted()).isTrue();
        assertThat(ran).hasValue(100);
    }

    /** Like {@link DiskFailureTest}, with more tenants than are synced alone. */
    @ParameterizedTest
    @Timeout(600)
    @ValueSource(booleans = {true, false})
    void everyTenantIsWholeAfterTheDiskFailedAmongManySyncs(boolean powerLoss) throws IOException {
        AcceptedTopic topic = new AcceptedTopic();
        List<TenantId> tenants = new ArrayList<>();
        for (int i = 0; i < 3 * TENANTS; i++) {
            TenantId tenant = TenantId.of(1 + i % TENANTS);
            topic.add(tenant, i, null, "a signal");
            if (i < TENANTS) {
                tenants.add(tenant);
            }
        }
        int at = 1;
        for (boolean reached = true; reached; at += 37) {
            FaultyDisk disk = new FaultyDisk(Files.createDirectory(root.resolve("run-" + at)));
            DataDir dir = new DataDir(disk.root());
            dir.lock().close();
            disk.breakAt(at, powerLoss);
            try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(1 << 20))) {
                write(topic, shard);
            } catch (WalException e) {
                assertThat(disk.broke()).isTrue();
            }
            reached = disk.broke();
            if (powerLoss) {
                disk.losePower(new Random(at));
            } else {
                disk.killProcess();
            }
            disk.breakAt(0, false);
            try (Shard shard = new Shard(dir, SHARD, AcceptedTopic.settings(1 << 20))) {
                int next = (int) Math.max(-1, shard.committedOffset()) + 1;
                topic.apply(shard, next, topic.size());
            }
            for (TenantId tenant : tenants) {
                assertThat(AcceptedTopic.stored(dir, tenant))
                        .as("tenant %s, change %d", tenant, at)
                        .isEqualTo(topic.of(tenant));
            }
        }
        assertThat(at).as("changes").isGreaterThan(500);
    }

    private static void write(AcceptedTopic topic, Shard shard) {
        for (int from = 0; from < topic.size(); from += TENANTS) {
            topic.apply(shard, from, from + TENANTS);
            shard.checkpoint(from + TENANTS - 1);
        }
    }
}
