package io.tidegate.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidegate.streams.GroupProgress;
import io.tidegate.topology.TopologyListener.Stage;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * The lag of each stage: in records, from the group's committed offset to the end of the log; and in time, the age of the last
 * record that a task read, or the time since it had read all, if the task has more to read.
 *
 * <p>{@link #opened} and {@link #closed} are thread-safe, the rest is not.
 */
final class StageMeters {
    /** The time of the last record that a task read. */
    static final class Last implements LongConsumer {
        private final AtomicLong ms = new AtomicLong(NEVER);

        /** When the task was last seen without lag, and the time of its last record then. */
        private long caughtUpAtMs = NEVER;

        private long caughtUpWithMs = NEVER;

        /** When records were first seen to wait for a task that has read nothing. */
        private long waitingSinceMs = NEVER;

        @Override
        public void accept(long timestampMs) {
            ms.lazySet(timestampMs);
        }

        /**
         * Returns the age of the record that the task reads next; 0 if it has read all. While it has read nothing, the age is
         * not known: how long records have waited for it.
         */
        long lagMs(long records, long nowMs) {
            long last = ms.get();
            if (records == 0) {
                caughtUpAtMs = nowMs;
                caughtUpWithMs = last;
                return 0;
            }
            // After a pause, the next record is as new as the pause is over, not as old as the last one.
            long since = last == caughtUpWithMs ? Math.max(last, caughtUpAtMs) : last;
            if (since == NEVER) {
                waitingSinceMs = waitingSinceMs == NEVER ? nowMs : waitingSinceMs;
                return nowMs - waitingSinceMs;
            }
            return nowMs - since;
        }
    }

    private static final long NEVER = -1;

    private final Map<Stage, Map<Integer, Last>> lastMs = new EnumMap<>(Stage.class);
    private final Map<Stage, double[]> records = new EnumMap<>(Stage.class);
    private final Map<Stage, double[]> seconds = new EnumMap<>(Stage.class);
    private final Map<Stage, double[]> ofGroup = new EnumMap<>(Stage.class);
    private final Map<Stage, double[]> ownerless = new EnumMap<>(Stage.class);

    StageMeters(MeterRegistry registry) {
        for (Stage stage : Stage.values()) {
            String label = label(stage);
            lastMs.put(stage, new ConcurrentHashMap<>());
            records.put(stage, new double[1]);
            seconds.put(stage, new double[1]);
            ofGroup.put(stage, new double[1]);
            ownerless.put(stage, new double[1]);
            Gauge.builder(MetricNames.GROUP_LAG_RECORDS, ofGroup.get(stage), value -> value[0])
                    .description("Records that the stage has not read yet, in the partitions of all instances")
                    .tag("stage", label)
                    .register(registry);
            Gauge.builder(MetricNames.OWNERLESS_PARTITIONS, ownerless.get(stage), value -> value[0])
                    .description("Partitions of the stage's input that no instance owns")
                    .tag("stage", label)
                    .register(registry);
            Gauge.builder(MetricNames.LAG_RECORDS, records.get(stage), value -> value[0])
                    .description(
                            "Records of this instance's partitions that the stage has not read yet, up to the end of the log")
                    .tag("stage", label)
                    .register(registry);
            Gauge.builder(MetricNames.LAG_SECONDS, seconds.get(stage), value -> value[0])
                    .description("Age of the record that the stage reads, in the task that is furthest behind")
                    .tag("stage", label)
                    .register(registry);
            Gauge.builder(MetricNames.TASKS, lastMs.get(stage), Map::size)
                    .description("Tasks of the stage that run here")
                    .tag("stage", label)
                    .register(registry);
        }
    }

    private static String label(Stage stage) {
        return stage.name().toLowerCase(Locale.ROOT);
    }

    LongConsumer opened(Stage stage, int partition) {
        Last last = new Last();
        lastMs.get(stage).put(partition, last);
        return last;
    }

    /** @param task as {@link #opened} returned it: a lost task may be closed after its successor was opened */
    void closed(Stage stage, int partition, LongConsumer task) {
        lastMs.get(stage).remove(partition, task);
    }

    /** @param group the group's progress according to the brokers */
    void refresh(GroupProgress group, long nowMs) {
        for (Stage stage : Stage.values()) {
            String name = label(stage);
            double sum = 0;
            long longestMs = 0;
            for (Map.Entry<Integer, Last> task : lastMs.get(stage).entrySet()) {
                long lag = group.lag(name, task.getKey());
                sum += lag;
                longestMs = Math.max(longestMs, task.getValue().lagMs(lag, nowMs));
            }
            records.get(stage)[0] = sum;
            seconds.get(stage)[0] = longestMs / 1000.0;
            ofGroup.get(stage)[0] = group.lag(name);
            ownerless.get(stage)[0] = group.ownerless().stream()
                    .filter(partition -> group.stageOf(partition).equals(name))
                    .count();
        }
    }
}
