package io.tidegate.metrics;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.tidegate.streams.KafkaInternals.Measure;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/**
 * A selection of the metrics of Kafka Streams and its clients, aggregated over all threads of the instance.
 *
 * <p>Sums that must only grow are kept here: the counts of a replaced thread are lost, and a counter must not decrease. Not
 * thread-safe.
 */
final class KafkaMeters {
    private static final double MS = 1e-3;

    private enum Aggregation {
        /** The sum of the current values. */
        SUM,
        /** The sum of all growth since the start. */
        GROWTH,
        MAX,
        AVERAGE
    }

    /** The selected metrics. */
    private enum SelectedMetric {
        COMMIT_AVG(Measure.COMMIT_LATENCY_AVG_MS, Aggregation.AVERAGE, MS, MetricNames.STREAMS_COMMIT_AVG),
        COMMIT_MAX(Measure.COMMIT_LATENCY_MAX_MS, Aggregation.MAX, MS, MetricNames.STREAMS_COMMIT_MAX),
        COMMITS(Measure.COMMITS, Aggregation.GROWTH, 1, MetricNames.STREAMS_COMMITS),
        PROCESSED(Measure.PROCESSED, Aggregation.GROWTH, 1, MetricNames.STREAMS_PROCESSED),
        CREATED(Measure.TASKS_CREATED, Aggregation.GROWTH, 1, MetricNames.STREAMS_TASK_STARTS),
        CLOSED(Measure.TASKS_CLOSED, Aggregation.GROWTH, 1, MetricNames.STREAMS_TASK_ENDS),
        THREADS(Measure.THREADS, Aggregation.SUM, 1, MetricNames.STREAMS_THREADS),
        REBALANCES(Measure.REBALANCES, Aggregation.GROWTH, 1, MetricNames.STREAMS_REBALANCES),
        REBALANCE_MAX(Measure.REBALANCE_LATENCY_MAX_MS, Aggregation.MAX, MS, MetricNames.STREAMS_REBALANCE_MAX),
        /** All stores share one cache, and each reports the use of the whole. */
        STATE_CACHE(Measure.STATE_CACHE_BYTES, Aggregation.MAX, 1, MetricNames.STATE_CACHE_BYTES),
        STATE_CACHE_LIMIT(Measure.STATE_CACHE_LIMIT_BYTES, Aggregation.MAX, 1, MetricNames.STATE_CACHE_LIMIT_BYTES),
        STATE_WRITE_BUFFERS(Measure.STATE_WRITE_BUFFER_BYTES, Aggregation.SUM, 1, MetricNames.STATE_WRITE_BUFFER_BYTES),
        SENT(Measure.SENT_BYTES, Aggregation.GROWTH, 1, MetricNames.CLIENT_SENT_BYTES),
        RECEIVED(Measure.RECEIVED_BYTES, Aggregation.GROWTH, 1, MetricNames.CLIENT_RECEIVED_BYTES),
        CONNECTIONS(Measure.CONNECTIONS, Aggregation.SUM, 1, MetricNames.CLIENT_CONNECTIONS),
        ERRORS(Measure.SEND_ERRORS, Aggregation.GROWTH, 1, MetricNames.CLIENT_SEND_ERRORS);

        final Measure measure;
        final Aggregation over;
        final double factor;
        final String as;

        SelectedMetric(Measure measure, Aggregation over, double factor, String as) {
            this.measure = measure;
            this.over = over;
            this.factor = factor;
            this.as = as;
        }
    }

    private final Map<SelectedMetric, double[]> values = new EnumMap<>(SelectedMetric.class);
    private final Map<MetricName, Double> before = new HashMap<>();

    KafkaMeters(MeterRegistry registry) {
        for (SelectedMetric taken : SelectedMetric.values()) {
            double[] value = new double[1];
            values.put(taken, value);
            String description = "Kafka's " + taken.measure.metricName() + " over all threads";
            if (taken.over == Aggregation.GROWTH) {
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
        for (SelectedMetric taken : SelectedMetric.values()) {
            double sum = 0;
            double max = 0;
            int count = 0;
            for (Map.Entry<MetricName, ? extends Metric> metric : metrics.entrySet()) {
                if (!taken.measure.is(metric.getKey()) || !(metric.getValue().metricValue() instanceof Number number)) {
                    continue;
                }
                double value = number.doubleValue() * taken.factor;
                if (Double.isNaN(value)) {
                    continue; // no value yet
                }
                if (taken.over == Aggregation.GROWTH) {
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
