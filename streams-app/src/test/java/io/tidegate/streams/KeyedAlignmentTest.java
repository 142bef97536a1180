package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Simulates keyed ingress that reads a backlog: tasks of random speed decide signals of their own shard at once, and send the
 * others through an inner topic, which they also read. Both topics are aligned. In every run, all signals are decided, and no
 * shard decides a signal that is more than a window older than one that it decided before.
 */
@Timeout(600)
final class KeyedAlignmentTest {
    private static final int SHARDS = 4;
    private static final long WINDOW_MS = 10_000;
    private static final long SPAN_MS = 300_000;
    private static final int PER_PARTITION = 3_000;
    private static final int STEP_MS = 20;
    private static final int STEPS_MAX = 400_000;

    /** A record of either topic: the shards and times of its signals, and its own time, which is that of the newest one. */
    @SuppressWarnings("ArrayRecordComponent") // a log entry; entries are not compared
    private record Entry(int[] shards, long[] timesMs, long timeMs) {}

    /** A partition, and the position of its reader. */
    private static final class Log {
        private final TopicPartition id;
        private final List<Entry> entries = new ArrayList<>();
        private int read;
        private int committed;
        private long timeMs = ReadLimit.NONE;
        private long committedMs = ReadLimit.NONE;

        Log(String topic, int partition) {
            id = new TopicPartition(topic, partition);
        }
    }

    /** The work of a task since its last commit. */
    private static final class Uncommitted {
        private final Map<Integer, List<long[]>> envelopes = new LinkedHashMap<>();
        private long newestMs = ReadLimit.NONE;
        private int decided;
    }

    private final Log[] signals = new Log[SHARDS];
    private final Log[] inner = new Log[SHARDS];
    private final Uncommitted[] open = new Uncommitted[SHARDS];
    private final long[] newestDecidedMs = new long[SHARDS];
    private final ReadLimit limit = new ReadLimit(
            WINDOW_MS, Long.MAX_VALUE / 4, partition -> partition.topic().equals("signals-by-tenant"));
    private long nowMs;
    private long skewMs;
    private int decided;

    private void fill(Random random) {
        long beganMs = 1_800_000_000_000L;
        for (int p = 0; p < SHARDS; p++) {
            signals[p] = new Log("signals", p);
            inner[p] = new Log("signals-by-tenant", p);
            open[p] = new Uncommitted();
            newestDecidedMs[p] = ReadLimit.NONE;
            long[] timesMs = random.longs(PER_PARTITION, beganMs, beganMs + SPAN_MS)
                    .sorted()
                    .toArray();
            for (long timeMs : timesMs) {
                int shard = random.nextBoolean() ? p : random.nextInt(SHARDS);
                signals[p].entries.add(new Entry(new int[] {shard}, new long[] {timeMs}, timeMs));
            }
        }
        nowMs = beganMs + SPAN_MS + 10_000_000;
        limit.partitions(logs().stream().map(log -> log.id).toList());
        logs().forEach(log -> limit.committed(log.id, ReadLimit.NONE, ReadLimit.NONE, nowMs));
    }

    private List<Log> logs() {
        List<Log> all = new ArrayList<>(Arrays.asList(signals));
        all.addAll(Arrays.asList(inner));
        return all;
    }

    /** Reads up to {@code max} records within the limit; returns the number of records read. */
    private int poll(int task, Log log, int max) {
        long limitMs = limit.limitMs(nowMs);
        int count = 0;
        while (count < max
                && log.read < log.entries.size()
                && log.entries.get(log.read).timeMs() <= limitMs) {
            Entry entry = log.entries.get(log.read++);
            log.timeMs = Math.max(log.timeMs, entry.timeMs());
            for (int i = 0; i < entry.shards().length; i++) {
                take(task, entry.shards()[i], entry.timesMs()[i]);
            }
            count++;
        }
        limit.read(log.id, log.read);
        boolean withheld =
                log.read < log.entries.size() && log.entries.get(log.read).timeMs() > limitMs;
        limit.withheld(log.id, withheld ? log.entries.get(log.read).timeMs() : ReadLimit.NONE);
        return count;
    }

    private void take(int task, int shard, long timeMs) {
        Uncommitted own = open[task];
        if (shard != task) {
            own.envelopes.computeIfAbsent(shard, to -> new ArrayList<>()).add(new long[] {timeMs});
            return;
        }
        skewMs = Math.max(skewMs, Math.max(newestDecidedMs[task], own.newestMs) - timeMs);
        own.newestMs = Math.max(own.newestMs, timeMs);
        own.decided++;
    }

    private void commit(int task) {
        Uncommitted own = open[task];
        open[task] = new Uncommitted();
        newestDecidedMs[task] = Math.max(newestDecidedMs[task], own.newestMs);
        decided += own.decided;
        own.envelopes.forEach((shard, times) -> {
            long[] timesMs = times.stream().mapToLong(one -> one[0]).toArray();
            int[] shards = new int[timesMs.length];
            Arrays.fill(shards, shard);
            inner[shard].entries.add(
                    new Entry(shards, timesMs, Arrays.stream(timesMs).max().orElseThrow()));
        });
        for (Log log : List.of(signals[task], inner[task])) {
            if (log.committed != log.read) {
                log.committed = log.read;
                log.committedMs = log.timeMs;
                limit.committed(log.id, log.committed, log.committedMs, nowMs);
            }
        }
    }

    private void crash(int task) {
        open[task] = new Uncommitted();
        for (Log log : List.of(signals[task], inner[task])) {
            log.read = log.committed;
            log.timeMs = log.committedMs;
            limit.left(log.id);
        }
    }

    /** Simulates {@link PartitionWatch}. */
    private void watch(int step) {
        limit.tick(nowMs);
        long othersMs = limit.othersMs(nowMs);
        if (step % 5 == 0) {
            logs().forEach(log -> limit.end(log.id, log.entries.size(), nowMs, othersMs));
        }
        limit.unclear().forEach((id, committed) -> {
            Log log =
                    logs().stream().filter(one -> one.id.equals(id)).findFirst().orElseThrow();
            long timeMs = log.entries.stream()
                    .mapToLong(Entry::timeMs)
                    .filter(one -> one > committed.timeMs())
                    .findFirst()
                    .orElse(ReadLimit.NONE);
            limit.firstUnread(id, committed.offset(), timeMs, nowMs, othersMs);
        });
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void noShardDecidesASignalMoreThanAWindowLateAndNoneWaitsIndefinitely(long seed) {
        Random random = new Random(seed);
        fill(random);
        int[] speed = random.ints(SHARDS, 1, 60).toArray();
        int step = 0;
        for (; decided < SHARDS * PER_PARTITION && step < STEPS_MAX; step++) {
            nowMs += STEP_MS;
            watch(step);
            int task = random.nextInt(SHARDS);
            if (random.nextInt(500) == 0) {
                crash(task);
            }
            // Reads of the inner topic often pause, as if its broker was slow.
            int ofSignals = poll(task, signals[task], speed[task]);
            int ofInner = random.nextInt(4) == 0 ? poll(task, inner[task], 1 + random.nextInt(3)) : 0;
            if (ofSignals + ofInner == 0 || random.nextInt(5) == 0) {
                commit(task);
            }
        }

        assertThat(decided).as("seed %d: decided after %d steps", seed, step).isEqualTo(SHARDS * PER_PARTITION);
        assertThat(skewMs).as("seed %d", seed).isLessThanOrEqualTo(WINDOW_MS);
    }
}
