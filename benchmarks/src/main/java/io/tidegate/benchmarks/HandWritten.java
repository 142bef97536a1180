package io.tidegate.benchmarks;

import io.github.bucket4j.Bucket;
import io.github.bucket4j.ConsumptionProbe;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.TenantId;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * A team's own implementation: consumers, and for each tenant a Bucket4j bucket and a set of entities in memory, and one file.
 * Its state is lost with the process, and after a crash signals are lost or duplicated.
 *
 * <p>A tenant's signals come from all partitions, so the threads share its state. Arguments: bootstrap, group, source topic,
 * topic for rejections, directory, threads, and for each tenant its signals per second and its maximum number of entities.
 */
final class HandWritten {
    private static final long COMMIT_NANOS = Duration.ofMillis(100).toNanos();

    /** The state of one tenant. The bucket and the set are thread-safe; the file has a lock. */
    private static final class Tenant {
        final Bucket bucket;
        final Set<String> entities = ConcurrentHashMap.newKeySet();
        final OutputStream file;

        Tenant(long ratePerSec, Path path) {
            bucket = Bucket.builder()
                    .addLimit(limit -> limit.capacity(2 * ratePerSec)
                            .refillGreedy(ratePerSec, Duration.ofSeconds(1))
                            .initialTokens(ratePerSec))
                    .build();
            try {
                file = new BufferedOutputStream(Files.newOutputStream(path));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private final Map<TenantId, Tenant> tenants = new ConcurrentHashMap<>();
    private final KafkaProducer<byte[], byte[]> producer;
    private final String rejections;
    private final Path directory;
    private final long ratePerSec;
    private final long entitiesMax;

    private HandWritten(String[] args) throws IOException {
        producer = Workload.producer(args[0]);
        rejections = args[3];
        directory = Files.createDirectories(Path.of(args[4]));
        ratePerSec = Long.parseLong(args[6]);
        entitiesMax = Long.parseLong(args[7]);
    }

    public static void main(String[] args) throws IOException {
        HandWritten program = new HandWritten(args);
        for (int i = 1; i < Integer.parseInt(args[5]); i++) {
            new Thread(() -> program.consume(args[0], args[1], args[2])).start();
        }
        program.consume(args[0], args[1], args[2]);
    }

    private void consume(String bootstrap, String group, String topic) {
        SignalParser parser = new SignalParser();
        try (var consumer = PlainConsumer.consumer(bootstrap, group)) {
            consumer.subscribe(List.of(topic));
            long committed = System.nanoTime();
            while (!Thread.currentThread().isInterrupted()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    if (parser.parse(record.value()) instanceof Parsed parsed) {
                        judge(parsed.signal(), record);
                    }
                }
                long now = System.nanoTime();
                if (now - committed > COMMIT_NANOS) {
                    consumer.commitAsync();
                    committed = now;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void judge(Signal signal, ConsumerRecord<byte[], byte[]> record) throws IOException {
        TenantId id = signal.tenantId() == null ? TenantId.DEFAULT : signal.tenantId();
        Tenant tenant = tenants.get(id);
        if (tenant == null) {
            tenant = tenants.computeIfAbsent(id, t -> new Tenant(ratePerSec, directory.resolve(t.decimal())));
        }
        int added = isNew(tenant, "i", first(signal.items()))
                + isNew(tenant, "u", first(signal.users()))
                + isNew(tenant, "c", first(signal.creators()));
        if (added > 0 && tenant.entities.size() + added > entitiesMax) {
            reject(record, id, "entity_limit", 0);
            return;
        }
        ConsumptionProbe probe = tenant.bucket.tryConsumeAndReturnRemaining(1);
        if (!probe.isConsumed()) {
            reject(record, id, "rate_limited", probe.getNanosToWaitForRefill());
            return;
        }
        if (added > 0) {
            add(tenant, "i", first(signal.items()));
            add(tenant, "u", first(signal.users()));
            add(tenant, "c", first(signal.creators()));
        }
        synchronized (tenant.file) {
            tenant.file.write(record.value());
            tenant.file.write('\n');
        }
    }

    private static @Nullable String first(List<String> ids) {
        return ids.isEmpty() ? null : ids.get(0);
    }

    private static int isNew(Tenant tenant, String kind, @Nullable String id) {
        return id == null || tenant.entities.contains(kind + id) ? 0 : 1;
    }

    private static void add(Tenant tenant, String kind, @Nullable String id) {
        if (id != null) {
            tenant.entities.add(kind + id);
        }
    }

    private void reject(ConsumerRecord<byte[], byte[]> record, TenantId tenant, String reason, long waitNanos) {
        ProducerRecord<byte[], byte[]> rejected = new ProducerRecord<>(rejections, record.key(), record.value());
        header(rejected, "tidegate.reason", reason);
        header(rejected, "tidegate.tenant", tenant.decimal());
        header(
                rejected,
                "tidegate.retry_after_ms",
                Long.toString(Duration.ofNanos(waitNanos).toMillis()));
        header(rejected, "tidegate.source.partition", Integer.toString(record.partition()));
        header(rejected, "tidegate.source.offset", Long.toString(record.offset()));
        var unused = producer.send(rejected);
    }

    private static void header(ProducerRecord<byte[], byte[]> record, String name, String value) {
        record.headers().add(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
