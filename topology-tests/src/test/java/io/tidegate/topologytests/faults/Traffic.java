package io.tidegate.topologytests.faults;

import io.tidegate.contract.TenantPartitions;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * A load of known signals: the n-th is a function of the seed and of n. It has many tenants, exercises each quota, and contains
 * unknown tenants and invalid records.
 *
 * <p>A header carries the number, so that the check can identify a signal without reading its value.
 */
final class Traffic implements AutoCloseable {
    static final String NUMBER = "number";

    /** The expected outcome of a signal, whatever the order. */
    enum Expectation {
        /** Accepted or rejected, according to the model. */
        JUDGED,
        /** Like JUDGED, but also limited by storage, which depends on when segments are reported. */
        JUDGED_WITH_STORAGE,
        UNKNOWN,
        DEAD
    }

    /** One signal. */
    @SuppressWarnings("ArrayRecordComponent") // bytes that are sent; records are not compared
    record Signal(long number, String tenant, Expectation expected, byte @Nullable [] value) {}

    static final String HOT = "22";
    static final String STORAGE_LIMITED = "40";

    /** Tenants below their limits: each sends one of {@link #STEADY_EVERY} signals, at equal intervals. */
    private static final String[] STEADY = {"60", "61"};

    /** With 400 signals a second, each sends 10/s: 91 % of its limit. */
    private static final int STEADY_EVERY = 40;

    private static final int UNLIMITED = 16;
    private static final int FLOODED = 100_000;
    private static final String[] LIMITED = {
        "20", "21", "22", "23", "30", "31", "32", "33", "34", "50", "51", "52", "55"
    };
    private static final String[] UNKNOWN = {"90", "18446744073709551615"};

    /** Records without a valid tenant; each goes to the dead-letter topic. */
    private static final String[] DEAD = {
        "not JSON",
        "[1]",
        "",
        "{\"tenant_id\":\"../7\"}",
        "{\"tenant_id\":-1}",
        "{\"tenant_id\":007}",
        "{\"tenant_id\":18446744073709551616}",
        "{\"tenant_id\":1,\"tenant_id\":2}",
        "{\"tenant_id\":1,\"item\":\"x\"",
        "{\"tenant_id\":\"1\\u0000\"}",
        "{\"tenant_id\":1.5}"
    };

    /** Of 40 random signals, 20 are of tenants without limits, 16 with limits, 2 with limited storage; 1 is unknown, 1 invalid. */
    private static final int SHARES = 40;

    private static final long BEHIND_MAX_NANOS = Duration.ofSeconds(1).toNanos();

    private final String bootstrapServers;
    private final String topic;
    private final int partitions;
    private final long seed;
    private final int hotShare;
    private final boolean keyed;
    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile boolean stopping;
    private long sent;
    private @Nullable Thread thread;

    /**
     * Prepares a load.
     *
     * @param hotShare of this number of signals, all but one are the {@link #HOT} tenant's; 1 for no special part
     * @param keyed whether half of the signals are written to their tenant's partition, and the others anywhere
     */
    Traffic(String bootstrapServers, String topic, int partitions, long seed, int hotShare, boolean keyed) {
        this.keyed = keyed;
        this.bootstrapServers = bootstrapServers;
        this.topic = topic;
        this.partitions = partitions;
        this.seed = seed;
        this.hotShare = hotShare;
    }

    /** The configs during the whole run, by tenant. */
    static Map<String, TenantConfig> configs() {
        Map<String, TenantConfig> configs = new LinkedHashMap<>();
        for (int i = 0; i < UNLIMITED; i++) {
            config(configs, Integer.toString(i), "");
        }
        config(configs, "20", ",\"max_signals_per_sec\":5,\"burst_signals\":5");
        config(configs, "21", ",\"max_signals_per_sec\":10,\"burst_signals\":40");
        config(configs, "22", ",\"max_signals_per_sec\":8");
        config(configs, "23", ",\"max_signals_per_sec\":1,\"burst_signals\":100");
        config(configs, "30", ",\"max_entities\":50");
        config(configs, "31", ",\"max_entities\":200");
        config(configs, "32", ",\"max_entities\":90,\"max_signals_per_sec\":10");
        config(configs, "33", ",\"max_entities\":50,\"entity_idle_ttl\":\"PT5S\"");
        config(configs, "34", ",\"max_users\":20,\"max_signals_per_sec\":30,\"entity_idle_ttl\":\"PT2S\"");
        config(configs, STORAGE_LIMITED, ",\"max_storage_bytes\":40000");
        config(configs, STEADY[0], ",\"max_signals_per_sec\":11");
        config(configs, STEADY[1], ",\"max_signals_per_sec\":11,\"burst_signals\":100");
        config(configs, "50", ",\"blocked_until\":\"2999-01-01T00:00:00Z\"");
        config(configs, "51", ",\"max_signals_per_sec\":0");
        config(configs, "52", ",\"max_signals_per_sec\":2,\"max_entities\":10,\"mode\":\"observe\"");
        config(
                configs,
                "55",
                ",\"periods\":[{\"per\":\"hour\",\"max_signals\":60},{\"per\":\"month\",\"max_bytes\":9000}]");
        return configs;
    }

    private static void config(Map<String, TenantConfig> configs, String tenant, String limits) {
        String json = "{\"tenant_id\":%s%s}".formatted(tenant, limits);
        configs.put(tenant, TenantConfigJson.parse(json.getBytes(StandardCharsets.UTF_8)));
    }

    /** The n-th signal. */
    Signal signal(long number) {
        SplittableRandom random = new SplittableRandom(seed * 1_000_003 + number);
        if (number % hotShare != 0) {
            return signal(random, number, HOT);
        }
        long place = number / hotShare % STEADY_EVERY;
        if (place % (STEADY_EVERY / STEADY.length) == 0) {
            return signal(random, number, STEADY[(int) place * STEADY.length / STEADY_EVERY]);
        }
        int share = random.nextInt(SHARES);
        if (share < SHARES / 2) {
            return signal(random, number, Integer.toString(random.nextInt(UNLIMITED)));
        } else if (share < SHARES - 4) {
            return signal(random, number, LIMITED[random.nextInt(LIMITED.length)]);
        } else if (share < SHARES - 2) {
            return signal(random, number, STORAGE_LIMITED);
        } else if (share < SHARES - 1) {
            return signal(random, number, UNKNOWN[random.nextInt(UNKNOWN.length)]);
        }
        int kind = random.nextInt(DEAD.length + 2);
        byte[] dead = kind < DEAD.length
                ? DEAD[kind].getBytes(StandardCharsets.UTF_8)
                : kind == DEAD.length ? null : new byte[] {'"', (byte) 0xc3, '"'};
        return new Signal(number, "?", Expectation.DEAD, dead);
    }

    private static Signal signal(SplittableRandom random, long number, String tenant) {
        StringBuilder json = new StringBuilder(200);
        json.append('{');
        boolean tenantMissing = tenant.equals("0") && number % 2 == 0;
        if (!tenantMissing) {
            json.append("\"tenant_id\":").append(tenant).append(',');
        }
        json.append("\"item\":\"i").append(random.nextInt(120));
        json.append("\",\"user\":").append(random.nextInt(60));
        json.append(",\"n\":").append(number).append(",\"pad\":\"");
        for (int pad = random.nextInt(150); pad > 0; pad--) {
            json.append((char) ('a' + random.nextInt(26)));
        }
        byte[] value = json.append("\"}").toString().getBytes(StandardCharsets.UTF_8);
        if (tenantMissing) {
            return new Signal(number, "?", Expectation.DEAD, value);
        }
        Expectation expected = tenant.equals(STORAGE_LIMITED)
                ? Expectation.JUDGED_WITH_STORAGE
                : tenant.equals(UNKNOWN[0]) || tenant.equals(UNKNOWN[1]) ? Expectation.UNKNOWN : Expectation.JUDGED;
        return new Signal(number, tenant, expected, value);
    }

    /** Writes the configs. Call it before the instances start, so that they apply to the first signal. */
    void writeConfigs(String configTopic) throws Exception {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (TenantConfig config : configs().values()) {
            records.add(new ProducerRecord<>(configTopic, config.tenantId().key(), TenantConfigJson.write(config)));
        }
        // Invalid records before the start change nothing.
        byte[] poison = {'{'};
        records.add(new ProducerRecord<>(configTopic, TenantId.of(1).key(), poison));
        records.add(new ProducerRecord<>(configTopic, "../7".getBytes(StandardCharsets.UTF_8), poison));
        try (var producer = producer()) {
            for (ProducerRecord<byte[], byte[]> record : records) {
                producer.send(record).get(30, TimeUnit.SECONDS);
            }
        }
    }

    /** Writes records that are not configs, also under the keys of valid ones. They must change nothing. */
    void poisonConfigs(String configTopic) throws Exception {
        String[] poison = {
            "{", "[]", "{\"tenant_id\":9}", "{\"tenant_id\":20,\"max_signals_per_sec\":-1}", "{\"tenant_id\":20"
        };
        try (var producer = producer()) {
            for (String tenant : configs().keySet()) {
                for (String value : poison) {
                    producer.send(new ProducerRecord<>(
                                    configTopic,
                                    tenant.getBytes(StandardCharsets.UTF_8),
                                    value.replace(":9}", ":9" + tenant + "}").getBytes(StandardCharsets.UTF_8)))
                            .get(30, TimeUnit.SECONDS);
                }
            }
        }
    }

    /** Writes very many configs of tenants that send nothing; returns the last one's tenant. */
    String floodConfigs(String configTopic, int updates, int tenants) throws Exception {
        String tenant = "";
        try (var producer = producer()) {
            for (int i = 1; i <= updates; i++) {
                tenant = Integer.toString(FLOODED + i % tenants);
                byte[] value = "{\"tenant_id\":%s,\"max_entities\":%d}"
                        .formatted(tenant, i)
                        .getBytes(StandardCharsets.UTF_8);
                var sent = producer.send(
                        new ProducerRecord<>(configTopic, tenant.getBytes(StandardCharsets.UTF_8), value));
                if (i == updates) {
                    producer.flush();
                    sent.get(30, TimeUnit.SECONDS);
                }
            }
        }
        return tenant;
    }

    /** Sends in the background until {@link #stop}; waits for brokers indefinitely. */
    void start(long perSec) {
        thread = new Thread(() -> send(perSec), "traffic");
        thread.setDaemon(true);
        thread.start();
    }

    private void send(long perSec) {
        long nanosPerSignal = Duration.ofSeconds(1).toNanos() / perSec;
        try (var producer = producer()) {
            long next = System.nanoTime();
            while (!stopping) {
                long now = System.nanoTime();
                next = Math.max(next + nanosPerSignal, now - BEHIND_MAX_NANOS);
                LockSupport.parkNanos(next - now);
                send(producer, signal(sent++));
            }
            producer.flush();
        } catch (RuntimeException e) {
            failure.compareAndSet(null, e);
        }
    }

    private void send(KafkaProducer<byte[], byte[]> producer, Signal signal) {
        SplittableRandom random = new SplittableRandom(~seed + signal.number());
        int partition = random.nextInt(partitions);
        if (keyed && signal.expected() != Expectation.DEAD && random.nextBoolean()) {
            partition = TenantPartitions.of(TenantId.parse(signal.tenant()), partitions);
        }
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, partition, null, signal.value());
        record.headers().add(NUMBER, Long.toString(signal.number()).getBytes(StandardCharsets.UTF_8));
        var unused = producer.send(record, (metadata, e) -> {
            if (e == null) {
                acknowledged.incrementAndGet();
            } else {
                failure.compareAndSet(null, e);
            }
        });
    }

    private KafkaProducer<byte[], byte[]> producer() {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrapServers);
        config.put("acks", "all");
        config.put("linger.ms", 20);
        config.put("delivery.timeout.ms", 600_000);
        config.put("max.block.ms", 600_000);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    boolean isKeyed() {
        return keyed;
    }

    long acknowledged() {
        return acknowledged.get();
    }

    /** Stops, waits until every signal is acknowledged, and returns their number n: the signals are 0 to n - 1. */
    long stop() throws InterruptedException {
        stopping = true;
        if (thread != null) {
            thread.join(Duration.ofMinutes(10).toMillis());
        }
        if (failure.get() != null) {
            throw new AssertionError("a signal could not be sent", failure.get());
        }
        if (acknowledged.get() != sent) {
            throw new AssertionError("%d signals sent, %d acknowledged".formatted(sent, acknowledged.get()));
        }
        return sent;
    }

    @Override
    public void close() {
        stopping = true;
    }
}
