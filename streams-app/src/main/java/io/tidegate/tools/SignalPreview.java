package io.tidegate.tools;

import io.tidegate.admin.MissingTopicException;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.config.Settings;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Router;
import io.tidegate.contract.Router.Route;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.signal.Defect;
import io.tidegate.signal.SignalReader;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Reads real records and shows how the settings in force interpret each: its tenant, type and entities, or the defect that
 * keeps it from a tenant. Uses the classes of the route stage, and writes nothing. Not thread-safe.
 */
public final class SignalPreview {
    private static final Comparator<ConsumerRecord<byte[], byte[]>> BY_PLACE = Comparator.comparingInt(
                    (ConsumerRecord<byte[], byte[]> record) -> record.partition())
            .thenComparingLong(ConsumerRecord::offset);

    /**
     * The interpretation of one record.
     *
     * @param namesTenant false also if the record counts for the default tenant because it names none
     */
    public record Explained(ConsumerRecord<byte[], byte[]> source, Route route, boolean namesTenant) {
        /** Returns the bytes that count against limits: those of the value. */
        public long bytes() {
            return source.value() == null ? 0 : source.value().length;
        }
    }

    private final Settings settings;
    private final Router router;
    private final RecordSizes sizes;
    private final boolean missingIsDefault;

    /**
     * Reads the configs. They contain the tenants' names, and decide whether a record without a tenant counts for the default
     * tenant.
     *
     * @param sizes the record sizes that all of Tidegate's topics accept
     */
    public SignalPreview(Settings settings, RecordSizes sizes) {
        this.settings = settings;
        this.sizes = sizes;
        TenantDirectory directory = new TenantDirectory(settings);
        TenantDirectory.Snapshot configs = configs(directory);
        router = new Router(
                settings.tenantSource(),
                new SignalReader(settings.signalMapping(), RegistrySchemas.in(settings)),
                TenantDirectory.names(configs.tenants()));
        missingIsDefault = directory.missingIsDefault(configs);
    }

    private static TenantDirectory.Snapshot configs(TenantDirectory directory) {
        try {
            return directory.snapshot();
        } catch (MissingTopicException e) {
            return new TenantDirectory.Snapshot(Map.of(), Map.of()); // before `tidegate init`, no tenant has a config
        }
    }

    /**
     * Explains the newest records of a topic.
     *
     * @param only the partitions to read; empty for all
     * @param max records, over all partitions
     */
    public List<Explained> newest(String topic, List<Integer> only, int max) {
        List<ConsumerRecord<byte[], byte[]>> newest = new ArrayList<>();
        try (TopicReader reader = new TopicReader(settings, List.of(topic))) {
            for (TopicPartition partition : reader.chosen(only)) {
                newest.addAll(reader.newest(partition, max));
                newest.sort(Comparator.comparingLong(ConsumerRecord::timestamp));
                newest.subList(0, Math.max(0, newest.size() - max)).clear();
            }
        }
        return explained(newest);
    }

    /**
     * Explains the records of a topic that begin at an offset.
     *
     * @param only the partitions to read; empty for all
     * @param max records, over all partitions
     */
    public List<Explained> from(String topic, List<Integer> only, long offset, int max) {
        List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
        try (TopicReader reader = new TopicReader(settings, List.of(topic))) {
            for (TopicPartition partition : reader.chosen(only)) {
                reader.readFrom(partition, offset, () -> found.size() < max, record -> {
                    if (found.size() < max) {
                        found.add(record);
                    }
                });
            }
        }
        return explained(found);
    }

    private List<Explained> explained(List<ConsumerRecord<byte[], byte[]>> records) {
        return records.stream().sorted(BY_PLACE).map(this::explain).toList();
    }

    /** Explains one record. */
    Explained explain(ConsumerRecord<byte[], byte[]> record) {
        long bytes = RecordSizes.of(record.key(), record.value(), record.headers());
        Route tooLarge = sizes.tooLarge(bytes);
        Route strict = tooLarge != null ? tooLarge : route(record, bytes, false);
        boolean isMissing = strict instanceof ToDeadLetter letter && letter.defect() == Defect.TENANT_MISSING;
        return new Explained(
                record,
                isMissing && missingIsDefault ? route(record, bytes, true) : strict,
                strict instanceof Route.ToTenant || strict instanceof Route.ToUnknown);
    }

    private Route route(ConsumerRecord<byte[], byte[]> record, long bytes, boolean orDefault) {
        byte @Nullable [] key = record.key();
        return sizes.withFound(
                router.route(record.topic(), key, record.value(), record.headers(), orDefault),
                bytes,
                settings.signalMapping().format());
    }

    /** Returns how many records name a tenant, and the outcomes of the others. */
    public static String summary(List<Explained> records) {
        long named = records.stream().filter(Explained::namesTenant).count();
        StringBuilder text = new StringBuilder(
                "%d of %d records %s a tenant".formatted(named, records.size(), named == 1 ? "names" : "name"));
        Map<String, Integer> letters = new TreeMap<>();
        int ofDefault = 0;
        int unknown = 0;
        for (Explained one : records) {
            if (one.route() instanceof ToDeadLetter letter) {
                letters.merge(letter.defect().id(), 1, Integer::sum);
            } else if (one.route() instanceof Route.ToUnknown) {
                unknown++;
            } else if (!one.namesTenant()) {
                ofDefault++;
            }
        }
        if (unknown > 0) {
            text.append("; %d with a name that no tenant has (tenant_unknown)".formatted(unknown));
        }
        if (ofDefault > 0) {
            text.append("; %d without one count for tenant 0".formatted(ofDefault));
        }
        if (!letters.isEmpty()) {
            text.append("; dead letters: ")
                    .append(letters.entrySet().stream()
                            .map(entry -> "%s %d".formatted(entry.getKey(), entry.getValue()))
                            .collect(Collectors.joining(", ")));
        }
        return text.toString();
    }
}
