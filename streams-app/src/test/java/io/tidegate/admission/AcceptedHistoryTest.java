package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares a history that computes only changed levels with one that was stored and computes all of them. */
class AcceptedHistoryTest {
    private static final int STEPS = 3_000;

    private final TreeMap<Integer, byte[]> stored = new TreeMap<>();

    private AcceptedHistory loaded(AcceptedHistory history, BucketLimits limits) {
        history.writeRuns((id, chunk) -> {
            if (chunk == null) {
                stored.remove(id);
            } else {
                stored.put(id, chunk);
            }
        });
        ByteBuffer head = ByteBuffer.allocate(AcceptedHistory.HEAD_BYTES);
        history.write(head, history.runs());
        AcceptedHistory copy = new AcceptedHistory();
        // As a bucket does: its own record has the newest level.
        copy.base(history.endMs(), history.endLevel(), AcceptedRun.NEVER, Long.MAX_VALUE);
        assertThat(copy.read(head.flip())).isEqualTo(stored.size());
        stored.forEach(copy::load);
        copy.loaded(limits);
        return copy;
    }

    private static BucketLimits someLimits(SplittableRandom random, boolean weighted) {
        long rate = random.nextLong(1, weighted ? 5_000 : 300);
        return new BucketLimits(rate, random.nextLong(1, 3 * rate + 2), weighted);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void changedLevelsAreThoseThatAreComputedFromTheBeginning(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        boolean weighted = seed % 3 == 0;
        long stepMs = seed % 2 == 0 ? 3 : 40;
        long lateMs = seed % 4 < 2 ? 2_000 : 60_000;
        BucketLimits limits = someLimits(random, weighted);
        AcceptedHistory history = new AcceptedHistory();
        long nowMs = 1_000_000;
        int late = 0;
        int rejected = 0;
        for (int step = 0; step < STEPS; step++) {
            nowMs += random.nextInt(20) == 0 ? random.nextLong(100 * stepMs) : random.nextLong(stepMs);
            long atMs = random.nextInt(3) == 0 ? nowMs : Math.max(0, nowMs - random.nextLong(lateMs));
            int tokens = weighted ? random.nextInt(1, 50) : 1;
            long cost = tokens * BucketLimits.TOKEN;
            boolean isNew = history.endMs() == AcceptedRun.NEVER;
            if (atMs >= history.endMs()) {
                long level = isNew
                        ? limits.first(limits.start(), cost)
                        : limits.refilled(history.endLevel(), atMs - history.endMs());
                if (level >= cost) {
                    history.append(atMs, tokens, level, level == limits.size);
                } else {
                    rejected++;
                }
            } else if (history.allows(limits, atMs, cost)) {
                history.take(limits, atMs, cost, tokens);
                late++;
            } else {
                rejected++;
            }
            history.fold(limits, nowMs - lateMs / 2, 1_500);
            if (random.nextInt(400) == 0 && history.endMs() != AcceptedRun.NEVER) {
                limits = someLimits(random, weighted);
                history.rebase(limits, Math.min(history.endLevel(), limits.size));
            }
            if (random.nextInt(700) == 0) {
                history.clear(); // the next late signals are older than the first one
            }
            if (random.nextInt(4) == 0) {
                assertSame(history, loaded(history, limits), limits, random, nowMs, lateMs);
            }
        }
        assertThat(late).as("late acceptances").isGreaterThan(STEPS / 60);
        assertThat(rejected).as("rejections").isGreaterThan(STEPS / 60);
    }

    @Test
    void aSignalBeforeTheFirstOneOfANewBucketRaisesTheLevelsOfAllRuns() {
        BucketLimits limits = new BucketLimits(10, 1_000, true);
        long firstMs = 1_000_000;
        AcceptedHistory history = new AcceptedHistory();
        for (int i = 0; i < 3 * AcceptedRun.ENTRIES_MAX; i++) {
            // One token in 100 ms is what the rate refills: the level stays at that of a new bucket.
            history.append(firstMs + 100L * i, 1, 10 * BucketLimits.TOKEN, false);
        }
        long early = firstMs - 50_000;
        assertThat(history.allows(limits, early, BucketLimits.TOKEN)).isTrue();
        history.take(limits, early, BucketLimits.TOKEN, 1);
        assertThat(history.endLevel()).isEqualTo((10 - 1 + 500 - 1) * BucketLimits.TOKEN);
        // Takes about all that is left at every time.
        long left = history.endLevel();
        assertThat(history.allows(limits, firstMs, left)).isTrue();
        assertThat(history.allows(limits, firstMs, left + 1)).isFalse();
    }

    private static void assertSame(
            AcceptedHistory history,
            AcceptedHistory copy,
            BucketLimits limits,
            SplittableRandom random,
            long nowMs,
            long lateMs) {
        assertThat(history.endMs()).isEqualTo(copy.endMs());
        assertThat(history.endLevel()).isEqualTo(copy.endLevel());
        assertThat(history.entries()).isEqualTo(copy.entries());
        assertThat(history.fullAtMs(limits, Long.MAX_VALUE)).isEqualTo(copy.fullAtMs(limits, Long.MAX_VALUE));
        for (int i = 0; i < 20 && history.endMs() != AcceptedRun.NEVER; i++) {
            long atMs = Math.max(0, nowMs - random.nextLong(2 * lateMs));
            long cost = random.nextLong(1, 60) * BucketLimits.TOKEN;
            if (atMs < history.endMs()) {
                assertThat(history.allows(limits, atMs, cost)).isEqualTo(copy.allows(limits, atMs, cost));
                assertThat(history.isFull(limits, atMs)).isEqualTo(copy.isFull(limits, atMs));
            }
            assertThat(history.fullAtMs(limits, atMs)).isEqualTo(copy.fullAtMs(limits, atMs));
            if (cost <= limits.size) {
                assertThat(history.availableMs(limits, cost, atMs)).isEqualTo(copy.availableMs(limits, cost, atMs));
            }
        }
    }
}
