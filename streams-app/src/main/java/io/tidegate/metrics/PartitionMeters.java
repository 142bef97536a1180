package io.tidegate.metrics;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.tidegate.streams.Alignment.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;

/** Metrics of how far apart the partitions of {@code signals} are read. Not thread-safe. */
final class PartitionMeters {
    private final Supplier<List<Progress>> progress;
    private final MultiGauge skew;
    private final MultiGauge ignored;

    PartitionMeters(MeterRegistry registry, Supplier<List<Progress>> progress, Supplier<Number> withheld) {
        this.progress = progress;
        skew = MultiGauge.builder(MetricNames.PARTITION_SKEW)
                .description("Record time by which a partition is behind the furthest one")
                .register(registry);
        ignored = MultiGauge.builder(MetricNames.PARTITIONS_IGNORED)
                .description("1: this partition is behind, and the others do not wait for it")
                .register(registry);
        Gauge.builder(MetricNames.PARTITIONS_WITHHELD, withheld)
                .description("Partitions that are paused here until slower ones have caught up")
                .register(registry);
    }

    void refresh() {
        List<MultiGauge.Row<?>> skews = new ArrayList<>();
        List<MultiGauge.Row<?>> ignoredOnes = new ArrayList<>();
        for (Progress one : progress.get()) {
            Tags tags = tags(one.partition());
            skews.add(MultiGauge.Row.of(tags, one.behindMs() / 1000.0));
            if (one.ignored() != null) {
                ignoredOnes.add(MultiGauge.Row.of(tags.and("reason", one.ignored()), 1));
            }
        }
        skew.register(skews, true);
        ignored.register(ignoredOnes, true);
    }

    private static Tags tags(TopicPartition partition) {
        return Tags.of("topic", partition.topic(), "partition", Integer.toString(partition.partition()));
    }
}
