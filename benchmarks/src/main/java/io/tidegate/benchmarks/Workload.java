package io.tidegate.benchmarks;

import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * The signals to send, as a function of their numbers and the seed.
 *
 * @param name of the topic, and in reports
 * @param signals the number of signals
 * @param tenants the number of tenants, all alike, with the ids from 1
 * @param entitiesPerKind distinct ones of each tenant and kind; {@link #ALWAYS_NEW} if every one is new
 * @param valueBytes of each value; the shortest possible value if that is longer
 * @param keyed whether the tenant's id is the key, so that each signal is in its tenant's partition
 */
record Workload(String name, long signals, int tenants, int entitiesPerKind, int valueBytes, boolean keyed) {
    static final int ALWAYS_NEW = 0;

    /** The maximum size of one topic on disk, without the copies that the programs make. */
    private static final long BYTES_MAX = 1L << 30;

    private static final long SEED = 7;

    /** Signals without keys, in any partition. */
    Workload(String name, long signals, int tenants, int entitiesPerKind, int valueBytes) {
        this(name, signals, tenants, entitiesPerKind, valueBytes, false);
    }

    /** The same workload with few enough signals to bound their bytes. */
    Workload bounded() {
        return new Workload(
                name, Math.min(signals, BYTES_MAX / valueBytes), tenants, entitiesPerKind, valueBytes, keyed);
    }

    String topic() {
        return "bench." + name;
    }

    /** One signal of each tenant, for the same topic. */
    Workload oneOfEach() {
        return new Workload(name, tenants, tenants, entitiesPerKind, valueBytes, keyed);
    }

    /** The same workload in a separate topic. */
    Workload named(String other) {
        return new Workload(other, signals, tenants, entitiesPerKind, valueBytes, keyed);
    }

    /** Generates the signals one after the other. Not thread-safe. */
    final class Source {
        private final SplittableRandom random = new SplittableRandom(SEED);
        private final StringBuilder json = new StringBuilder(valueBytes + 64);
        private long number;
        private long tenant;

        /** The tenant of the last value. */
        TenantId tenant() {
            return TenantId.of(tenant);
        }

        byte[] next() {
            // With one signal for each tenant, every tenant has its turn.
            tenant = 1L + (signals == tenants ? number : random.nextInt(tenants));
            json.setLength(0);
            json.append("{\"tenant_id\":").append(tenant).append(",\"signal\":\"view\",\"item\":\"i");
            entity().append("\",\"user\":\"u");
            entity().append("\",\"creator\":\"c");
            entity().append('"');
            number++;
            int padding = valueBytes - json.length() - ",\"pad\":\"\"}".length();
            if (padding >= 0) {
                json.append(",\"pad\":\"");
                // Eight characters for each random number: generating a value must not cost more than sending it.
                for (int i = 0; i < padding; i += 8) {
                    long letters = random.nextLong();
                    for (int j = i; j < Math.min(padding, i + 8); j++) {
                        json.append((char) ('a' + (letters & 15)));
                        letters >>>= 8;
                    }
                }
                json.append('"');
            }
            return json.append('}').toString().getBytes(StandardCharsets.US_ASCII);
        }

        private StringBuilder entity() {
            return entitiesPerKind == ALWAYS_NEW ? json.append(number) : json.append(random.nextInt(entitiesPerKind));
        }
    }

    /** Sends all signals to {@link #topic()}. */
    void send(String bootstrap, LongConsumer progress) {
        try (var producer = producer(bootstrap)) {
            Source source = new Source();
            FirstFailure failure = new FirstFailure();
            for (long sent = 0; sent < signals; sent++) {
                byte[] value = source.next();
                byte[] key = keyed ? source.tenant().key() : null;
                var unused = producer.send(new ProducerRecord<>(topic(), key, value), failure);
                progress.accept(sent);
            }
            failure.check(producer);
        }
    }

    /** Keeps the first failure: a wait for all signals would never end if one of them cannot be written. */
    private static final class FirstFailure implements Callback {
        private final AtomicReference<Exception> first = new AtomicReference<>();

        @Override
        public void onCompletion(@Nullable RecordMetadata metadata, @Nullable Exception failure) {
            if (failure != null) {
                first.compareAndSet(null, failure);
            }
        }

        void check(KafkaProducer<byte[], byte[]> producer) {
            producer.flush();
            if (first.get() != null) {
                throw new IllegalStateException("signals could not be sent: " + first.get(), first.get());
            }
        }
    }

    static KafkaProducer<byte[], byte[]> producer(String bootstrap) {
        return new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrap, "linger.ms", 5, "batch.size", 128 * 1024),
                new ByteArraySerializer(),
                new ByteArraySerializer());
    }
}
