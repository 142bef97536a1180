package io.tidegate.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidegate.contract.Topics;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.streams.KafkaInternals.Measure;
import io.tidegate.topology.TopologyListener.Stage;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * How far each stage is behind: in records, as the consumers know it, and in time, which is how long ago the last record
 * that a task read was written, where the task has more to read.
 *
 * <p>{@link #opened} and {@link #closed} are thread-safe, the rest is not.
 */
final class StageMeters {
    private final Topics topics;
    private final Map<Stage, Map<Integer, AtomicLong>> lastMs = new EnumMap<>(Stage.class);
    private final Map<Stage, double[]> records = new EnumMap<>(Stage.class);
    private final Map<Stage, double[]> seconds = new EnumMap<>(Stage.class);

    StageMeters(MeterRegistry registry, Topics topics) {
        this.topics = topics;
        for (Stage stage : Stage.values()) {
            String label = stage.name().toLowerCase(Locale.ROOT);
            lastMs.put(stage, new ConcurrentHashMap<>());
            records.put(stage, new double[1]);
            seconds.put(stage, new double[1]);
            Gauge.builder(MetricNames.LAG_RECORDS, records.get(stage), value -> value[0])
                    .description("Records of this instance's partitions that the stage has not fetched yet")
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

    LongConsumer opened(Stage stage, int partition) {
        AtomicLong last = new AtomicLong(-1);
        lastMs.get(stage).put(partition, last);
        return last::lazySet;
    }

    void closed(Stage stage, int partition) {
        lastMs.get(stage).remove(partition);
    }

    void refresh(Map<MetricName, ? extends Metric> metrics, long nowMs) {
        Map<Stage, Map<Integer, Double>> lags = new EnumMap<>(Stage.class);
        metrics.forEach((name, metric) -> {
            if (!Measure.RECORDS_LAG.is(name)
                    || KafkaInternals.isOfRestoreConsumer(name)
                    || !(metric.metricValue() instanceof Number number)
                    || Double.isNaN(number.doubleValue())) {
                return;
            }
            for (Stage stage : Stage.values()) {
                if (isRead(stage, name.tags().getOrDefault("topic", ""))) {
                    lags.computeIfAbsent(stage, key -> new HashMap<>())
                            .merge(
                                    Integer.valueOf(name.tags().getOrDefault("partition", "-1")),
                                    number.doubleValue(),
                                    Double::sum);
                }
            }
        });
        for (Stage stage : Stage.values()) {
            double sum = 0;
            double oldest = 0;
            for (Map.Entry<Integer, Double> lag :
                    lags.getOrDefault(stage, Map.of()).entrySet()) {
                sum += lag.getValue();
                AtomicLong last = lastMs.get(stage).get(lag.getKey());
                if (lag.getValue() > 0 && last != null && last.get() >= 0) {
                    oldest = Math.max(oldest, (nowMs - last.get()) / 1000.0);
                }
            }
            records.get(stage)[0] = sum;
            seconds.get(stage)[0] = oldest;
        }
    }

    private boolean isRead(Stage stage, String topic) {
        return switch (stage) {
            case ROUTE -> topics.signals().contains(topic);
            case ADMIT -> topics.byTenant().equals(topic);
            case WAL -> topics.accepted().equals(topic);
        };
    }
}
