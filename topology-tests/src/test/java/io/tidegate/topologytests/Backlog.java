package io.tidegate.topologytests;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.LongToIntFunction;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Signals that arrived while nobody read them, with the times at which they did, and what came of them. Not thread-safe. */
final class Backlog {
    private static final Duration READ_WITHIN = Duration.ofMinutes(2);
    private static final Duration POLL = Duration.ofMillis(50);

    private final Deployment app;
    private final int partitions;
    private long sent;

    /**
     * What came out.
     *
     * @param skewMs by how much a signal was older, at most, than one that was accepted before it in the same shard
     */
    record Outcome(long accepted, long rejected, long skewMs) {}

    private Backlog(Deployment app, int partitions) {
        this.app = app;
        this.partitions = partitions;
    }

    /** Creates {@code signals} so that times can be set, and all other topics. */
    static Backlog create(Deployment app, int partitions) throws Exception {
        return create(app, partitions, Map.of());
    }

    /** @param replicas the brokers of each partition; those that are not named are placed by the brokers */
    static Backlog create(Deployment app, int partitions, Map<Integer, List<Integer>> replicas) throws Exception {
        NewTopic topic = replicas.isEmpty()
                ? new NewTopic(app.signals(), partitions, (short) 1)
                : new NewTopic(app.signals(), replicas);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", app.bootstrapServers()))) {
            admin.createTopics(List.of(topic.configs(Map.of("message.timestamp.type", "CreateTime"))))
                    .all()
                    .get(30, TimeUnit.SECONDS);
        }
        var init = app.tidegate("init");
        if (init.exit() != 0) {
            throw new AssertionError(init.err());
        }
        return new Backlog(app, partitions);
    }

    /** Signals of one tenant, at equal intervals, over all partitions in turn. */
    void send(String tenant, long fromMs, Duration duration, int perSecond) throws Exception {
        send(tenant, fromMs, duration, perSecond, i -> (int) (i % partitions));
    }

    /** @param partition of the i-th signal */
    void send(String tenant, long fromMs, Duration duration, int perSecond, LongToIntFunction partition)
            throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", app.bootstrapServers(), "linger.ms", 20);
        long count = duration.toSeconds() * perSecond;
        byte[] value = "{\"tenant_id\":%s,\"item\":\"i1\",\"pad\":\"%s\"}"
                .formatted(tenant, "x".repeat(100))
                .getBytes(StandardCharsets.UTF_8);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<?>> sending = new ArrayList<>();
            for (long i = 0; i < count; i++) {
                long timeMs = fromMs + i * 1000 / perSecond;
                sending.add(producer.send(
                        new ProducerRecord<>(app.signals(), partition.applyAsInt(i), timeMs, null, value)));
            }
            for (Future<?> one : sending) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
        sent += count;
    }

    /** Waits until everything that was sent has come out. */
    Outcome await() {
        return await(sent);
    }

    /** Waits until so many signals have come out. */
    Outcome await(long count) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", app.bootstrapServers());
        config.put("isolation.level", "read_committed");
        config.put("auto.offset.reset", "earliest");
        config.put("fetch.max.wait.ms", 50);
        long accepted = 0;
        long rejected = 0;
        long skewMs = 0;
        Map<Integer, Long> newestMs = new HashMap<>();
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> out = new ArrayList<>();
            for (String topic : List.of(app.topic("accepted"), app.topic("quota-exceeded"))) {
                consumer.partitionsFor(topic)
                        .forEach(partition -> out.add(new TopicPartition(topic, partition.partition())));
            }
            consumer.assign(out);
            long deadline = System.nanoTime() + READ_WITHIN.toNanos();
            while (accepted + rejected < count) {
                if (System.nanoTime() > deadline) {
                    throw new AssertionError("%d of %d signals came out: %d accepted, %d rejected%s"
                            .formatted(accepted + rejected, count, accepted, rejected, app.logs()));
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    if (record.topic().equals(app.topic("accepted"))) {
                        accepted++;
                        long newest = newestMs.merge(record.partition(), record.timestamp(), Math::max);
                        skewMs = Math.max(skewMs, newest - record.timestamp());
                    } else {
                        rejected++;
                    }
                }
            }
        }
        return new Outcome(accepted, rejected, skewMs);
    }
}
