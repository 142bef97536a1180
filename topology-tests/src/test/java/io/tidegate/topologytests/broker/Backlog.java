package io.tidegate.topologytests.broker;

import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongToIntFunction;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Signals that arrived while nobody read them, with the times at which they did, and what came of them. Not thread-safe. */
public final class Backlog {
    private static final Duration READ_WITHIN = Duration.ofMinutes(2);
    private static final Duration POLL = Duration.ofMillis(50);

    private final Deployment app;
    private final int partitions;
    private final Map<Integer, Long> counts = new ConcurrentHashMap<>();

    /**
     * What came out.
     *
     * @param skewMs by how much a signal was older, at most, than one that was accepted before it in the same shard
     */
    public record Outcome(long accepted, long rejected, long skewMs) {}

    private Backlog(Deployment app, int partitions) {
        this.app = app;
        this.partitions = partitions;
    }

    /** Creates {@code signals} so that times can be set, and all other topics. */
    public static Backlog create(Deployment app, int partitions) throws Exception {
        return create(app, partitions, Map.of());
    }

    /** @param replicas the brokers of each partition; those that are not named are placed by the brokers */
    public static Backlog create(Deployment app, int partitions, Map<Integer, List<Integer>> replicas)
            throws Exception {
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
    public void send(String tenant, long fromMs, Duration duration, int perSecond) throws Exception {
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
                int to = partition.applyAsInt(i);
                counts.merge(to, 1L, Long::sum);
                sending.add(producer.send(new ProducerRecord<>(app.signals(), to, timeMs, null, value)));
            }
            for (Future<?> one : sending) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
    }

    /**
     * Sends signals of one tenant as they arrive, over all partitions in turn, until told to stop.
     */
    public CompletableFuture<Void> sendLive(String tenant, int perSecond, BooleanSupplier stop) {
        return CompletableFuture.runAsync(() -> {
            long beganMs = System.currentTimeMillis();
            for (int second = 0; !stop.getAsBoolean(); second++) {
                long fromMs = beganMs + second * 1_000L;
                // Written when the second is over, so that times are in the past, as those of brokers are.
                long waitMs = fromMs + 1_000 - System.currentTimeMillis();
                LockSupport.parkNanos(Duration.ofMillis(Math.max(0, waitMs)).toNanos());
                try {
                    send(tenant, fromMs, Duration.ofSeconds(1), perSecond);
                } catch (Exception e) {
                    throw new CompletionException(e);
                }
            }
        });
    }

    /** Waits until the group has read these partitions to their ends. */
    public void awaitRead(Duration within, Integer... which) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", app.bootstrapServers()))) {
            TidegateProcess.await(within, "partitions %s to be read".formatted(List.of(which)), app::logs, () -> {
                Set<Integer> read = read(admin);
                return read.containsAll(List.of(which));
            });
        }
    }

    /** The partitions that have been read to their ends. */
    public Set<Integer> read() {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", app.bootstrapServers()))) {
            return read(admin);
        }
    }

    private Set<Integer> read(Admin admin) {
        try {
            Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets(app.applicationId())
                    .partitionsToOffsetAndMetadata()
                    .get(30, TimeUnit.SECONDS);
            Set<Integer> read = new TreeSet<>();
            for (int partition = 0; partition < partitions; partition++) {
                OffsetAndMetadata offset = committed.get(new TopicPartition(app.signals(), partition));
                if (offset != null && offset.offset() == counts.getOrDefault(partition, 0L)) {
                    read.add(partition);
                }
            }
            return read;
        } catch (ExecutionException | TimeoutException e) {
            return Set.of();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Waits until everything that was sent has come out. */
    public Outcome await() {
        return await(counts.values().stream().mapToLong(Long::longValue).sum());
    }

    /** Waits until so many signals have come out. */
    public Outcome await(long count) {
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
