package io.tidegate.demo;

import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** The demo's tenants, with limits low enough to be reached within seconds, and their traffic. */
public final class SampleTraffic {
    /** Segments are this small in the demo, so that storage fills while the user watches. */
    public static final long SEGMENT_BYTES = 64 * 1024;

    private static final TenantId QUIET = TenantId.of(1);
    private static final TenantId BURSTY = TenantId.of(2);
    private static final TenantId EXPLODING = TenantId.of(3);
    private static final TenantId FILLING = TenantId.of(4);
    private static final TenantId UNKNOWN = TenantId.of(99);

    private static final Duration TICK = Duration.ofMillis(20);
    private static final int REQUEST_MS = 10_000;
    private static final long BURST_EVERY_MS = 4000;
    private static final int BURST_SIGNALS = 250;
    private static final int PAD_SMALL = 60;
    private static final int PAD_LARGE = 3000;

    /** The tenants to set up. */
    public static final List<TenantConfig> TENANTS = List.of(
            config(QUIET, "Quiet Quilts", 50L, null, 1000L, null),
            config(BURSTY, "Bursty Bikes", 60L, 120L, null, null),
            config(EXPLODING, "Exploding Emporium", null, null, 300L, null),
            config(FILLING, "Filling Films", null, null, null, 768L * 1024));

    private final Settings settings;

    public SampleTraffic(Settings settings) {
        this.settings = settings;
    }

    private static TenantConfig config(
            TenantId id,
            String label,
            @Nullable Long rate,
            @Nullable Long burst,
            @Nullable Long entities,
            @Nullable Long storage) {
        return new TenantConfig(
                id,
                rate,
                burst,
                entities == null ? null : BigInteger.valueOf(entities),
                storage == null ? null : BigInteger.valueOf(storage),
                List.of(),
                label,
                TenantConfig.Mode.ENFORCE,
                null);
    }

    /** Sends until {@code stop} returns true. Returns when all signals are acknowledged. */
    public void run(BooleanSupplier stop) {
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.LINGER_MS_CONFIG, 5);
        // If the broker is gone, the demo must end soon.
        config.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, REQUEST_MS);
        config.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, REQUEST_MS);
        config.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, 3 * REQUEST_MS);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            Steady quiet = new Steady(10);
            Steady bursty = new Steady(90);
            Steady exploding = new Steady(60);
            Steady filling = new Steady(120);
            Steady unknown = new Steady(2);
            Steady broken = new Steady(2);
            long begin = System.nanoTime();
            long burstsSent = 0;
            while (!stop.getAsBoolean()) {
                long ms = Duration.ofNanos(System.nanoTime() - begin).toMillis();
                for (long n = quiet.due(ms); n > 0; n--) {
                    send(producer, signal(QUIET, quiet.next() % 20, PAD_SMALL));
                }
                for (long n = bursty.due(ms) + (ms / BURST_EVERY_MS >= burstsSent ? BURST_SIGNALS : 0); n > 0; n--) {
                    send(producer, signal(BURSTY, bursty.next() % 50, PAD_SMALL));
                }
                burstsSent = ms / BURST_EVERY_MS + 1;
                for (long n = exploding.due(ms); n > 0; n--) {
                    send(producer, signal(EXPLODING, exploding.next(), PAD_SMALL));
                }
                for (long n = filling.due(ms); n > 0; n--) {
                    send(producer, signal(FILLING, filling.next() % 10, PAD_LARGE));
                }
                for (long n = unknown.due(ms); n > 0; n--) {
                    send(producer, signal(UNKNOWN, unknown.next(), PAD_SMALL));
                }
                for (long n = broken.due(ms); n > 0; n--) {
                    send(producer, "{\"tenant_id\":1,\"signal\":".getBytes(StandardCharsets.US_ASCII));
                    broken.next();
                }
                LockSupport.parkNanos(TICK.toNanos());
            }
            producer.flush();
        }
    }

    private void send(KafkaProducer<byte[], byte[]> producer, byte[] value) {
        var unused =
                producer.send(new ProducerRecord<>(settings.topics().signals().get(0), value));
    }

    private static byte[] signal(TenantId tenant, long item, int pad) {
        return "{\"tenant_id\":%s,\"signal\":\"view\",\"item\":\"item-%d\",\"user\":\"user-%d\",\"pad\":\"%s\"}"
                .formatted(tenant.decimal(), item, item % 7, "x".repeat(pad))
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** Counts the signals that are due at a steady rate. */
    private static final class Steady {
        private final long perSec;
        private long sent;
        private long number;

        Steady(long perSec) {
            this.perSec = perSec;
        }

        long due(long elapsedMs) {
            long due = elapsedMs * perSec / 1000 - sent;
            sent += due;
            return due;
        }

        long next() {
            return number++;
        }
    }
}
