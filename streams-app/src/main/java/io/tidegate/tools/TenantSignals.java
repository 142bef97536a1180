package io.tidegate.tools;

import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admin.TopicSetup;
import io.tidegate.config.Settings;
import io.tidegate.contract.Envelope;
import io.tidegate.contract.Residency;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.Router.Route.ToTenant;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The latest signals of one tenant, in an order in which they can be decided. Merges by time the signals in {@code
 * signals-by-tenant} with those that skipped it because they were already in the tenant's partition ({@code
 * ingress.partitioning=tenant}). The latter are read from the ingress, after the last signal of that partition that took the
 * inner topic. So this class need not know the setting, and no signal counts twice after the setting was changed. Uses the
 * current names and defaults of tenants. Not thread-safe.
 */
final class TenantSignals implements AutoCloseable {
    private final Settings settings;
    private final TenantId tenant;
    private final List<TopicReader> readers = new ArrayList<>();
    private final TimeOrderedMerge<RoutedSignal> merged;
    private final Residency residency;
    private @Nullable SignalPreview preview;
    private @Nullable TenantConfig inForce;

    TenantSignals(Settings settings, TenantId tenant, long fromMs) {
        this.settings = settings;
        this.tenant = tenant;
        residency = new Residency(settings.region(), settings.regionTopics());
        List<TimeOrderedMerge.Parts<RoutedSignal>> sequences;
        try {
            sequences = sequences(fromMs);
        } catch (RuntimeException e) {
            readers.forEach(TopicReader::close);
            throw e;
        }
        merged = new TimeOrderedMerge<>(sequences, RoutedSignal::timestampMs);
    }

    private List<TimeOrderedMerge.Parts<RoutedSignal>> sequences(long fromMs) {
        List<TimeOrderedMerge.Parts<RoutedSignal>> sequences = new ArrayList<>();
        Map<TopicPartition, Long> last = new HashMap<>();
        int shard = look(fromMs, last);
        sequences.add(
                parts(open(new TopicPartition(settings.topics().byTenant(), shard), fromMs), TenantSignals::signals));
        for (String topic : settings.topics().signals()) {
            if (shard < TopicReader.partitionCount(settings, topic)) {
                TopicPartition ingress = new TopicPartition(topic, shard);
                TopicReader reader = open(ingress, fromMs);
                reader.skipTo(ingress, last.getOrDefault(ingress, -1L) + 1);
                sequences.add(parts(reader, this::routed));
            }
        }
        return sequences;
    }

    /**
     * Scans the inner topic.
     *
     * @param last receives, for each ingress partition, the last signal that took the inner topic although it was in its
     *     tenant's partition
     * @return the tenant's partition: the one with its signals, or the one that the number of shards determines
     */
    private int look(long fromMs, Map<TopicPartition, Long> last) {
        String inner = settings.topics().byTenant();
        int[] shard = {TenantPartitions.of(tenant, settings.shards(), TopicReader.partitionCount(settings, inner))};
        try (TopicReader reader = new TopicReader(settings, List.of(inner))) {
            reader.skipTo(fromMs);
            reader.readToEnd(record -> {
                for (RoutedSignal signal : signals(record)) {
                    SourcePosition source = signal.source();
                    if (source.partition() == record.partition()) {
                        last.merge(new TopicPartition(source.topic(), source.partition()), source.offset(), Math::max);
                    }
                    if (signal.tenant().equals(tenant)) {
                        shard[0] = record.partition();
                    }
                }
            });
        }
        return shard[0];
    }

    private TopicReader open(TopicPartition partition, long fromMs) {
        TopicReader reader = TopicReader.of(settings, partition);
        readers.add(reader);
        reader.skipTo(fromMs);
        return reader;
    }

    private TimeOrderedMerge.Parts<RoutedSignal> parts(
            TopicReader reader, Function<ConsumerRecord<byte[], byte[]>, List<RoutedSignal>> signalsOf) {
        Map<TopicPartition, Long> ends = reader.ends();
        return into -> {
            boolean[] any = {false};
            reader.readTo(ends, () -> !any[0], record -> {
                any[0] = true;
                addOwn(signalsOf.apply(record), into);
            });
            return any[0];
        };
    }

    private void addOwn(List<RoutedSignal> signals, Deque<RoutedSignal> into) {
        for (RoutedSignal signal : signals) {
            if (signal.tenant().equals(tenant)) {
                into.add(signal);
            }
        }
    }

    /** Returns the signals of an envelope; empty if another program wrote the record. */
    private static List<RoutedSignal> signals(ConsumerRecord<byte[], byte[]> record) {
        try {
            return Envelope.read(record.value());
        } catch (IllegalArgumentException e) {
            return List.of();
        }
    }

    /**
     * Returns the signal of an ingress record if it is decided here; empty if the tenant's config sends it to another region.
     */
    private List<RoutedSignal> routed(ConsumerRecord<byte[], byte[]> record) {
        if (!(preview().explain(record).route() instanceof ToTenant to)
                || (inForce != null && residency.target(inForce, record.headers()) != null)) {
            return List.of();
        }
        return List.of(new RoutedSignal(
                to.tenant(),
                Math.max(0, record.timestamp()),
                new SourcePosition(record.topic(), record.partition(), record.offset()),
                record.key(),
                record.headers().toArray(),
                record.value(),
                to.signal()));
    }

    private SignalPreview preview() {
        SignalPreview known = preview;
        if (known == null) {
            try (TopicSetup setup = new TopicSetup(settings)) {
                known = new SignalPreview(settings, setup.recordSizes());
            }
            if (!residency.topics().isEmpty()) {
                TenantDirectory directory = new TenantDirectory(settings);
                inForce = directory.inForce(directory.snapshot(), tenant);
            }
            preview = known;
        }
        return known;
    }

    /** Returns the next signal; null at the end. */
    @Nullable
    RoutedSignal next() {
        return merged.next();
    }

    @Override
    public void close() {
        readers.forEach(TopicReader::close);
    }
}
