package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.contract.TenantSource;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Sends signals of many tenants at a steady rate. The sequence of signals is a function of the seed.
 *
 * <p>Tenant ids are 1 to n; the k-th busiest gets a share proportional to 1 ÷ k^skew.
 */
public final class LoadGenerator {
    /**
     * The load to send.
     *
     * @param tenants the number of tenants
     * @param ratePerSec signals per second over all tenants; 0 = as fast as possible
     * @param skew 0 = equal shares
     * @param entities distinct items, users and creators of each tenant, each
     * @param valueBytes the approximate size of a value
     * @param duration how long to send
     * @param signalsMax the maximum number of signals
     * @param seed the seed of the sequence
     * @param burst signals that are sent at once before the rate applies
     * @param source where signals name their tenant; null = as in the settings
     */
    public record Plan(
            int tenants,
            long ratePerSec,
            double skew,
            int entities,
            int valueBytes,
            Duration duration,
            long signalsMax,
            long seed,
            int burst,
            @Nullable TenantSource source) {}

    /** Counts and latencies, from send to acknowledgement, of a running load. Thread-safe. */
    public static final class Progress {
        /** One bucket per millisecond; slower signals count in the last bucket. */
        private static final int LATENCY_MS_MAX = 60_000;

        private final AtomicLong[] latencies = new AtomicLong[LATENCY_MS_MAX + 1];
        private final AtomicLong acknowledged = new AtomicLong();
        private final AtomicLong bytes = new AtomicLong();
        private final AtomicLong failed = new AtomicLong();
        private final AtomicLong latencySumMs = new AtomicLong();

        public Progress() {
            Arrays.setAll(latencies, i -> new AtomicLong());
        }

        void acknowledged(int valueBytes, long latencyMs) {
            latencies[(int) Math.min(LATENCY_MS_MAX, latencyMs)].incrementAndGet();
            latencySumMs.addAndGet(latencyMs);
            bytes.addAndGet(valueBytes);
            acknowledged.incrementAndGet();
        }

        public long acknowledgedCount() {
            return acknowledged.get();
        }

        public long failedCount() {
            return failed.get();
        }

        public long byteCount() {
            return bytes.get();
        }

        public double latencyAvgMs() {
            return (double) latencySumMs.get() / Math.max(1, acknowledged.get());
        }

        /** Returns the latency in ms that a share of the signals, from 0 to 1, did not exceed. */
        public int latencyMs(double share) {
            long wanted = (long) Math.ceil(share * acknowledged.get());
            long seen = 0;
            for (int ms = 0; ms < latencies.length; ms++) {
                seen += latencies[ms].get();
                if (seen >= wanted) {
                    return ms;
                }
            }
            return LATENCY_MS_MAX;
        }
    }

    private static final long BEHIND_MAX_NANOS = Duration.ofSeconds(1).toNanos();

    /** How often a wait looks whether it should stop. */
    private static final long LOOK_EVERY_NANOS = Duration.ofMillis(100).toNanos();

    /** More than a record adds to its value. */
    private static final int REQUEST_OVERHEAD_BYTES = 1 << 20;

    private static final long BUFFER_BYTES_MIN = 32L << 20;

    private final Settings settings;
    private final Plan plan;
    private final double[] cumulativeShares;

    public LoadGenerator(Settings settings, Plan plan) {
        this.settings = settings;
        this.plan = plan;
        cumulativeShares = new double[plan.tenants()];
        double sum = 0;
        for (int i = 0; i < plan.tenants(); i++) {
            sum += 1 / Math.pow(i + 1, plan.skew());
            cumulativeShares[i] = sum;
        }
        for (int i = 0; i < plan.tenants(); i++) {
            cumulativeShares[i] /= sum;
        }
    }

    /**
     * Sends until the plan is done or {@code stop} returns true. Returns when all signals are acknowledged.
     *
     * @throws AdminException if a signal cannot be sent
     */
    public void run(Progress progress, BooleanSupplier stop) {
        Map<String, Object> config = settings.clientConfig();
        config.putIfAbsent(ProducerConfig.ACKS_CONFIG, "all");
        config.putIfAbsent(ProducerConfig.LINGER_MS_CONFIG, 5);
        config.putIfAbsent(ProducerConfig.BATCH_SIZE_CONFIG, 128 * 1024);
        int requestBytes = plan.valueBytes() + REQUEST_OVERHEAD_BYTES;
        config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, requestBytes);
        config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, Math.max(BUFFER_BYTES_MIN, requestBytes));
        SplittableRandom random = new SplittableRandom(plan.seed());
        long begin = System.nanoTime();
        long end = begin + plan.duration().toNanos();
        long interval = plan.ratePerSec() == 0 ? 0 : Duration.ofSeconds(1).toNanos() / plan.ratePerSec() * plan.burst();
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            long next = begin - interval;
            for (long sent = 0; sent < plan.signalsMax(); sent++) {
                long now = System.nanoTime();
                boolean begins = interval > 0 && sent % plan.burst() == 0;
                next = begins ? dueNanos(next, now, interval) : next;
                if (!comes(begins ? next : now, end, stop)) {
                    break;
                }
                send(producer, record(random, sent), progress);
            }
            producer.flush();
        }
        if (progress.failedCount() > 0) {
            throw new AdminException(
                    "%s did not accept %d signals".formatted(settings.bootstrapServers(), progress.failedCount()));
        }
    }

    /** Returns when the next signal or burst is due. A generator that fell behind catches up by at most one second. */
    static long dueNanos(long lastNanos, long nowNanos, long intervalNanos) {
        return Math.max(lastNanos + intervalNanos, nowNanos - BEHIND_MAX_NANOS);
    }

    /** Waits until a time; returns false if the end, or a stop, comes first. */
    static boolean comes(long dueNanos, long endNanos, BooleanSupplier stop) {
        while (!stop.getAsBoolean()) {
            long now = System.nanoTime();
            if (now - endNanos >= 0) {
                return false;
            }
            if (now - dueNanos >= 0) {
                return true;
            }
            LockSupport.parkNanos(Math.min(LOOK_EVERY_NANOS, Math.min(dueNanos, endNanos) - now));
        }
        return false;
    }

    private static void send(
            KafkaProducer<byte[], byte[]> producer, ProducerRecord<byte[], byte[]> record, Progress progress) {
        long sentNanos = System.nanoTime();
        var unused = producer.send(record, (metadata, failure) -> {
            if (failure == null) {
                progress.acknowledged(
                        record.value().length,
                        (System.nanoTime() - sentNanos) / Duration.ofMillis(1).toNanos());
            } else {
                progress.failed.incrementAndGet();
            }
        });
    }

    private ProducerRecord<byte[], byte[]> record(SplittableRandom random, long number) {
        int found = Arrays.binarySearch(cumulativeShares, random.nextDouble());
        TenantId tenant = TenantId.of(1 + Math.min(plan.tenants() - 1, found < 0 ? -found - 1 : found));
        StringBuilder json = new StringBuilder(plan.valueBytes() + 64);
        TenantSource source = source();
        json.append("{\"tenant_id\":").append(tenant.decimal());
        json.append(",\"signal\":\"view\",\"item\":\"item-").append(random.nextInt(plan.entities()));
        json.append("\",\"user\":\"user-").append(random.nextInt(plan.entities()));
        json.append("\",\"creator\":\"creator-").append(random.nextInt(plan.entities()));
        json.append("\",\"number\":").append(number).append(",\"pad\":\"");
        while (json.length() < plan.valueBytes() - 2) {
            json.append((char) ('a' + random.nextInt(26)));
        }
        byte[] value = json.append("\"}").toString().getBytes(StandardCharsets.US_ASCII);
        String topic = source == TenantSource.TOPIC
                ? topicOf(tenant)
                : settings.topics().signals().get(0);
        byte[] key = source == TenantSource.KEY ? tenant.key() : null;
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, key, value);
        if (source == TenantSource.HEADER) {
            record.headers().add(TidegateHeaders.TENANT_CLAIM, tenant.key());
        }
        return record;
    }

    private TenantSource source() {
        TenantSource named = plan.source();
        return named == null ? settings.tenantSource() : named;
    }

    /** Returns the topic of a tenant, if topics name the tenants: it has the prefix of the first one. */
    private String topicOf(TenantId tenant) {
        String topic = settings.topics().signals().get(0);
        return topic.substring(0, topic.lastIndexOf('.') + 1) + tenant.decimal();
    }

    /**
     * Checks that Tidegate reads the topics of all tenants, if topics name the tenants.
     *
     * @throws SettingsException naming the first missing topic
     */
    public void checkTopics() {
        if (source() != TenantSource.TOPIC) {
            return;
        }
        for (int id = 1; id <= plan.tenants(); id++) {
            String topic = topicOf(TenantId.of(id));
            if (!settings.topics().signals().contains(topic)) {
                throw new SettingsException(
                        "load sends the signals of tenant %d to the topic %s, which topic.signals does not name: add it, or lower --tenants"
                                .formatted(id, topic));
            }
        }
    }
}
