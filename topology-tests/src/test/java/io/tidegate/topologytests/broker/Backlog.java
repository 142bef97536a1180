package io.tidegate.topologytests.broker;

import io.tidegate.contract.TidegateHeaders;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.topologytests.support.TopicAdmin;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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

/** Signals with the times at which they arrived while no instance read them, and their outcomes. Not thread-safe. */
public final class Backlog {
    private static final Duration READ_WITHIN = Duration.ofMinutes(5);
    private static final Duration POLL = Duration.ofMillis(50);

    private final Deployment app;
    private final int partitions;
    private final Map<Integer, Long> counts = new ConcurrentHashMap<>();

    /**
     * The outcomes of a backlog.
     *
     * @param rejectedOf by tenant, only those with rejections
     * @param skewMs the largest time by which a signal was older than one that was accepted before it in the same shard
     */
    public record Outcome(long accepted, long rejected, Map<String, Long> rejectedOf, long skewMs) {}

    private Backlog(Deployment app, int partitions) {
        this.app = app;
        this.partitions = partitions;
    }

    /** Creates {@code signals} so that producers can set times, and all other topics. */
    public static Backlog create(Deployment app, int partitions) throws Exception {
        return create(app, partitions, Map.of());
    }

    /** @param replicas the brokers of each partition; the brokers place the partitions that it does not contain */
    public static Backlog create(Deployment app, int partitions, Map<Integer, List<Integer>> replicas)
            throws Exception {
        NewTopic topic = replicas.isEmpty()
                ? new NewTopic(app.signals(), partitions, (short) 1)
                : new NewTopic(app.signals(), replicas);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", app.bootstrapServers()))) {
            TopicAdmin.create(admin, topic.configs(Map.of("message.timestamp.type", "CreateTime")));
        }
        app.init();
        return new Backlog(app, partitions);
    }

    /**
     * The signals of one tenant, sent at equal intervals.
     *
     * @param partition of the i-th signal
     */
    record Load(String tenant, int perSecond, LongToIntFunction partition) {}

    /** Signals of one tenant, spread over all partitions in turn. */
    Load load(String tenant, int perSecond) {
        return new Load(tenant, perSecond, i -> (int) (i % partitions));
    }

    /** Sends signals of one tenant, spread over all partitions in turn. */
    public void send(String tenant, long fromMs, Duration duration, int perSecond) throws Exception {
        send(fromMs, duration, load(tenant, perSecond));
    }

    /** Sends signals with the times of a period. In each partition, no signal is a second older than one before it. */
    void send(long fromMs, Duration duration, Load... loads) throws Exception {
        try (var producer = producer()) {
            List<Future<?>> sending = new ArrayList<>();
            for (int second = 0; second < duration.toSeconds(); second++) {
                send(producer, fromMs, second, sending, loads);
            }
            for (Future<?> one : sending) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
    }

    private void send(
            KafkaProducer<byte[], byte[]> producer, long fromMs, int second, List<Future<?>> sending, Load... loads) {
        for (Load load : loads) {
            byte[] value = "{\"tenant_id\":%s,\"item\":\"i1\",\"pad\":\"%s\"}"
                    .formatted(load.tenant(), "x".repeat(100))
                    .getBytes(StandardCharsets.UTF_8);
            for (int i = 0; i < load.perSecond(); i++) {
                long timeMs = fromMs + second * 1_000L + i * 1_000L / load.perSecond();
                int to = load.partition().applyAsInt((long) second * load.perSecond() + i);
                counts.merge(to, 1L, Long::sum);
                sending.add(producer.send(new ProducerRecord<>(app.signals(), to, timeMs, null, value)));
            }
        }
    }

    private KafkaProducer<byte[], byte[]> producer() {
        Map<String, Object> config = Map.of("bootstrap.servers", app.bootstrapServers(), "linger.ms", 20);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Sends signals as they arrive, until {@code stop} is true. */
    CompletableFuture<Void> sendLive(BooleanSupplier stop, Load... loads) {
        return CompletableFuture.runAsync(() -> {
            long beganMs = System.currentTimeMillis();
            try (var producer = producer()) {
                List<Future<?>> sending = new ArrayList<>();
                for (int second = 0; !stop.getAsBoolean(); second++) {
                    // Writes a second's signals when it is over, so that their times are in the past, like those set by
                    // brokers.
                    long waitMs = beganMs + (second + 1) * 1_000L - System.currentTimeMillis();
                    LockSupport.parkNanos(Duration.ofMillis(Math.max(0, waitMs)).toNanos());
                    send(producer, beganMs, second, sending, loads);
                }
                for (Future<?> one : sending) {
                    one.get(30, TimeUnit.SECONDS);
                }
            } catch (ExecutionException | TimeoutException e) {
                throw new CompletionException(e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CompletionException(e);
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
        Set<Integer> read = new TreeSet<>();
        committed(admin).forEach((partition, offset) -> {
            if (offset.equals(counts.getOrDefault(partition, 0L))) {
                read.add(partition);
            }
        });
        return read;
    }

    /** Committed offsets by partition; empty if no broker answers. */
    private Map<Integer, Long> committed(Admin admin) {
        try {
            Map<TopicPartition, OffsetAndMetadata> all = admin.listConsumerGroupOffsets(app.applicationId())
                    .partitionsToOffsetAndMetadata()
                    .get(30, TimeUnit.SECONDS);
            Map<Integer, Long> committed = new TreeMap<>();
            all.forEach((partition, offset) -> {
                if (partition.topic().equals(app.signals()) && offset != null) {
                    committed.put(partition.partition(), offset.offset());
                }
            });
            return committed;
        } catch (ExecutionException | TimeoutException e) {
            return Map.of();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Waits until the group has committed something. */
    void awaitFirstCommit(Duration within) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", app.bootstrapServers()))) {
            TidegateProcess.await(
                    within,
                    "the first commit",
                    app::logs,
                    () -> committed(admin).values().stream().anyMatch(offset -> offset > 0));
        }
    }

    /** Waits until every signal that was sent has an outcome. */
    public Outcome await() {
        return await(counts.values().stream().mapToLong(Long::longValue).sum());
    }

    /** Waits until this number of signals have an outcome. */
    public Outcome await(long count) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", app.bootstrapServers());
        config.put("isolation.level", "read_committed");
        config.put("auto.offset.reset", "earliest");
        config.put("fetch.max.wait.ms", 50);
        long accepted = 0;
        Map<String, Long> rejectedOf = new TreeMap<>();
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
                        rejectedOf.merge(TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT), 1L, Long::sum);
                    }
                }
            }
        }
        return new Outcome(accepted, rejected, rejectedOf, skewMs);
    }
}
