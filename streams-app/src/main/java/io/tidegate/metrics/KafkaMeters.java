package io.tidegate.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * A few of the hundreds of things that Kafka Streams and its clients measure, each over all threads of the instance.
 *
 * <p>The sums that only grow are kept here: a thread that is replaced takes its counts with it, and a counter must not go
 * down. Not thread-safe.
 */
final class KafkaMeters {
    private static final double MS = 1e-3;

    private enum Over {
        /** The sum of what is there now. */
        SUM,
        /** The sum of all growth since the start. */
        GROWTH,
        MAX,
        AVERAGE
    }

    /** What is taken over. */
    private enum Taken {
        COMMIT_AVG("stream-thread-metrics", "commit-latency-avg", Over.AVERAGE, MS, MetricNames.STREAMS_COMMIT_AVG),
        COMMIT_MAX("stream-thread-metrics", "commit-latency-max", Over.MAX, MS, MetricNames.STREAMS_COMMIT_MAX),
        COMMITS("stream-thread-metrics", "commit-total", Over.GROWTH, 1, MetricNames.STREAMS_COMMITS),
        PROCESSED("stream-thread-metrics", "process-total", Over.GROWTH, 1, MetricNames.STREAMS_PROCESSED),
        CREATED("stream-thread-metrics", "task-created-total", Over.GROWTH, 1, MetricNames.STREAMS_TASK_STARTS),
        CLOSED("stream-thread-metrics", "task-closed-total", Over.GROWTH, 1, MetricNames.STREAMS_TASK_ENDS),
        THREADS("stream-metrics", "alive-stream-threads", Over.SUM, 1, MetricNames.STREAMS_THREADS),
        REBALANCES("consumer-coordinator-metrics", "rebalance-total", Over.GROWTH, 1, MetricNames.STREAMS_REBALANCES),
        REBALANCE_MAX(
                "consumer-coordinator-metrics",
                "rebalance-latency-max",
                Over.MAX,
                MS,
                MetricNames.STREAMS_REBALANCE_MAX),
        SENT("producer-metrics", "outgoing-byte-total", Over.GROWTH, 1, MetricNames.CLIENT_SENT_BYTES),
        RECEIVED("consumer-metrics", "incoming-byte-total", Over.GROWTH, 1, MetricNames.CLIENT_RECEIVED_BYTES),
        CONNECTIONS("", "connection-count", Over.SUM, 1, MetricNames.CLIENT_CONNECTIONS),
        ERRORS("producer-metrics", "record-error-total", Over.GROWTH, 1, MetricNames.CLIENT_SEND_ERRORS);

        final String group;
        final String name;
        final Over over;
        final double factor;
        final String as;

        Taken(String group, String name, Over over, double factor, String as) {
            this.group = group;
            this.name = name;
            this.over = over;
            this.factor = factor;
            this.as = as;
        }

        boolean is(MetricName metric) {
            return name.equals(metric.name())
                    && (group.isEmpty() ? !metric.group().contains("node") : group.equals(metric.group()));
        }
    }

    private final Map<Taken, double[]> values = new EnumMap<>(Taken.class);
    private final Map<MetricName, Double> before = new HashMap<>();

    KafkaMeters(MeterRegistry registry) {
        for (Taken taken : Taken.values()) {
            double[] value = new double[1];
            values.put(taken, value);
            String description = "Kafka's " + taken.name + " over all threads";
            if (taken.over == Over.GROWTH) {
                FunctionCounter.builder(taken.as, value, v -> v[0])
                        .description(description)
                        .register(registry);
            } else {
                Gauge.builder(taken.as, value, v -> v[0])
                        .description(description)
                        .register(registry);
            }
        }
    }

    void refresh(Map<MetricName, ? extends Metric> metrics) {
        before.keySet().retainAll(metrics.keySet());
        for (Taken taken : Taken.values()) {
            double sum = 0;
            double max = 0;
            int count = 0;
            for (Map.Entry<MetricName, ? extends Metric> metric : metrics.entrySet()) {
                if (!taken.is(metric.getKey()) || !(metric.getValue().metricValue() instanceof Number number)) {
                    continue;
                }
                double value = number.doubleValue() * taken.factor;
                if (Double.isNaN(value)) {
                    continue; // nothing was measured yet
                }
                if (taken.over == Over.GROWTH) {
                    Double last = before.put(metric.getKey(), value);
                    value = Math.max(0, last == null ? value : value - last);
                }
                sum += value;
                max = Math.max(max, value);
                count++;
            }
            double[] shown = values.get(taken);
            switch (taken.over) {
                case SUM -> shown[0] = sum;
                case GROWTH -> shown[0] += sum;
                case MAX -> shown[0] = max;
                case AVERAGE -> shown[0] = count == 0 ? 0 : sum / count;
            }
        }
    }
}
