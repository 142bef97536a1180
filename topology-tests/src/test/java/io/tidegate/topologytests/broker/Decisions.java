package io.tidegate.topologytests.broker;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.topologytests.support.Deployment;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The decisions of an application by source position, {@code topic/partition/offset}: the reason of a rejection, or "" for an
 * accepted signal. They are those that the application made, or those of a single {@link Admission} over the same inner log.
 */
final class Decisions {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final Duration READ_WITHIN = Duration.ofMinutes(1);

    private Decisions() {}

    /** @throws AssertionError if a signal has two outcomes */
    static Map<String, String> made(Deployment app) {
        Map<String, String> made = new TreeMap<>();
        read(app, app.topic("accepted"), record -> put(made, source(record), ""));
        read(app, app.topic("quota-exceeded"), record -> {
            String source = "%s/%s/%s"
                    .formatted(
                            header(record, TidegateHeaders.SOURCE_TOPIC),
                            header(record, TidegateHeaders.SOURCE_PARTITION),
                            header(record, TidegateHeaders.SOURCE_OFFSET));
            put(made, source, header(record, TidegateHeaders.REASON));
        });
        return made;
    }

    static Map<String, String> replayed(Deployment app, Map<String, TenantConfig> configs) {
        Admission admission = new Admission(null);
        SignalParser parser = new SignalParser();
        Map<String, TenantUsage> usages = new HashMap<>();
        Map<String, String> replayed = new TreeMap<>();
        read(app, app.topic("by-tenant"), envelope -> {
            for (RoutedSignal routed : Envelope.read(envelope.value())) {
                String tenant = routed.tenant().decimal();
                var decision = admission.admit(
                        configs.get(tenant),
                        usages.computeIfAbsent(tenant, id -> TenantUsage.fresh(1, 2)),
                        ((Parsed) parser.parse(routed.value())).signal(),
                        routed.value().length,
                        routed.timestampMs());
                put(
                        replayed,
                        routed.source().toString(),
                        decision instanceof Rejected rejected
                                ? rejected.quota().reason().id()
                                : "");
            }
        });
        return replayed;
    }

    private static String source(ConsumerRecord<byte[], byte[]> record) {
        return header(record, TidegateHeaders.SOURCE);
    }

    private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
        String text = TidegateHeaders.text(record.headers(), name);
        if (text == null) {
            throw new AssertionError(
                    "no %s in %s-%d@%d".formatted(name, record.topic(), record.partition(), record.offset()));
        }
        return text;
    }

    private static void put(Map<String, String> decisions, String source, String outcome) {
        String before = decisions.put(source, outcome);
        if (before != null) {
            throw new AssertionError("%s has two outcomes, '%s' and '%s'".formatted(source, before, outcome));
        }
    }

    /** Committed records of a topic up to its end, without tombstones. */
    private static void read(Deployment app, String topic, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        Map<String, Object> config = Map.of(
                "bootstrap.servers", app.bootstrapServers(),
                "isolation.level", "read_committed",
                "auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long deadline = System.nanoTime() + READ_WITHIN.toNanos();
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                if (System.nanoTime() > deadline) {
                    throw new AssertionError("%s was not read within %s".formatted(topic, READ_WITHIN));
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    if (record.value() != null) {
                        each.accept(record);
                    }
                }
            }
        }
    }
}
