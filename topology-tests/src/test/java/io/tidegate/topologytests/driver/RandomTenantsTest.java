package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.AcceptedRecord;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalVerifier;
import io.tidegate.wal.WalVerifier.TenantReport;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Random tenants: compares each decision with an independent model. */
@Timeout(600)
class RandomTenantsTest {
    private static final int STEPS = 1_000;
    private static final BigInteger NANOS = BigInteger.valueOf(1_000_000_000L);

    private static final long SEGMENT_BYTES = 1_000;

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    /** One tenant as the design page describes it, in big integers and plain sets. */
    private static final class Model {
        private Long rate;
        private long burst;
        private Long entitiesMax;
        private Long bytesMax;
        private boolean observe;

        private BigInteger level;
        private long refilledAtMs;
        private long fullAtMs;
        private final Set<String> entities = new HashSet<>();
        private final List<Long> segments = new ArrayList<>();
        private long openBytes;

        private final List<String> sent = new ArrayList<>();
        private final List<Long> acceptedAtMs = new ArrayList<>();

        /** Counts an accepted record; a segment of {@value #SEGMENT_BYTES} bytes is sealed at once. */
        void store(TestRecord<byte[], byte[]> record) {
            openBytes += AcceptedRecord.of(0, record.timestamp(), record.value(), record.headers())
                    .ownBytes();
            if (openBytes >= SEGMENT_BYTES) {
                segments.add(openBytes);
                openBytes = 0;
            }
        }

        /** Chooses random limits; returns them as fields of a config. */
        String configure(Random random) {
            rate = random.nextInt(5) == 0 ? null : Long.valueOf(random.nextInt(6));
            Long given = random.nextInt(3) == 0 ? Long.valueOf(1 + random.nextInt(4)) : null;
            burst = given != null ? given : rate == null ? 0 : 2 * rate;
            entitiesMax = random.nextInt(3) == 0 ? null : Long.valueOf(random.nextInt(25));
            bytesMax = random.nextInt(3) == 0 ? null : Long.valueOf(random.nextInt(10_000));
            observe = random.nextInt(6) == 0;
            return "\"max_signals_per_sec\":" + rate + ",\"burst_signals\":" + given + ",\"max_entities\":"
                    + entitiesMax + ",\"max_storage_bytes\":" + bytesMax + ",\"mode\":\""
                    + (observe ? "observe" : "enforce") + "\"";
        }

        String decide(List<String> named, long nowMs) {
            String reason = check(named, nowMs);
            if (!reason.equals(ACCEPTED) && !observe) {
                return reason;
            }
            BigInteger now = levelAt(nowMs);
            if (rate == null) {
                level = null;
            } else if (rate > 0 && now.compareTo(NANOS) >= 0) {
                if (level == null || now.equals(size())) {
                    fullAtMs = level == null ? nowMs : Math.max(fullAtMs, nowMs);
                }
                refilledAtMs = level == null ? nowMs : Math.max(refilledAtMs, nowMs);
                level = now.subtract(NANOS);
            }
            entities.addAll(named);
            acceptedAtMs.add(nowMs);
            return ACCEPTED;
        }

        private String check(List<String> named, long nowMs) {
            long bytes = segments.stream().mapToLong(Long::longValue).sum();
            if (bytesMax != null && bytes >= bytesMax) {
                return "storage_limit";
            }
            if (rate != null) {
                if (rate == 0) {
                    return "rate_limited";
                }
                if (levelAt(nowMs).compareTo(NANOS) < 0) {
                    return nowMs - fullAtMs <= burst * 1_000 / rate ? "burst_exceeded" : "rate_limited";
                }
            }
            Set<String> all = new HashSet<>(entities);
            all.addAll(named);
            boolean adds = all.size() > entities.size();
            return adds && entitiesMax != null && all.size() > entitiesMax ? "entity_limit" : ACCEPTED;
        }

        private BigInteger size() {
            return NANOS.multiply(BigInteger.valueOf(burst));
        }

        private BigInteger levelAt(long nowMs) {
            if (rate == null) {
                return BigInteger.ZERO;
            }
            if (level == null) {
                return NANOS.multiply(BigInteger.valueOf(rate)).min(size());
            }
            BigInteger refill = BigInteger.valueOf(Math.max(0, nowMs - refilledAtMs))
                    .multiply(BigInteger.valueOf(rate * 1_000_000L));
            return level.min(size()).add(refill).min(size());
        }
    }

    @ParameterizedTest
    @CsvSource({"1, false", "20260701, false", "-77, false", "1, true", "-78, true"})
    void everyDecisionIsTheModelsAndTheWalMatchesIt(long seed, boolean keyed) throws IOException {
        Random random = new Random(seed);
        Map<String, Model> models = new TreeMap<>();
        try (TopologyFixture topology = TopologyFixture.in(dir)
                .segmentBytes(SEGMENT_BYTES)
                .cachedTenants(3)
                .keyed(keyed)
                .start()) {
            for (String tenant : new String[] {"0", "1", "2", "7", "42", "1000000", "18446744073709551615"}) {
                Model model = new Model();
                models.put(tenant, model);
                topology.config(tenant, model.configure(random));
            }
            List<String> tenants = List.copyOf(models.keySet());
            Map<String, Integer> counts = new TreeMap<>();
            long nowMs = T0;
            for (int step = 0; step < STEPS; step++) {
                nowMs += random.nextInt(150);
                String tenant = tenants.get(random.nextInt(tenants.size()));
                Model model = models.get(tenant);
                if (random.nextInt(60) == 0) {
                    topology.config(tenant, model.configure(random));
                }
                Outcome outcome = step(topology, model, tenant, step, nowMs, random, seed);
                counts.merge(outcome.verdict(), 1, Integer::sum);
            }
            assertThat(counts)
                    .as("seed %d reaches every verdict", seed)
                    .containsOnlyKeys(ACCEPTED, "burst_exceeded", "rate_limited", "entity_limit", "storage_limit");
            for (Map.Entry<String, Model> entry : models.entrySet()) {
                checkWal(topology, entry.getKey(), entry.getValue(), seed);
            }
        }
    }

    private static Outcome step(
            TopologyFixture topology, Model model, String tenant, int step, long nowMs, Random random, long seed) {
        List<String> named = new ArrayList<>();
        List<String> fields = new ArrayList<>(List.of("\"step\":" + step));
        for (String kind : new String[] {"item", "user", "creator"}) {
            if (random.nextBoolean()) {
                String id = Integer.toString(random.nextInt(10));
                named.add(kind + " " + id);
                fields.add("\"" + kind + "\":" + (random.nextBoolean() ? id : "\"" + id + "\""));
            }
        }
        String expected = model.decide(named, nowMs);
        Outcome outcome = topology.send(tenant, nowMs, fields.toArray(String[]::new));
        assertThat(outcome.verdict())
                .as("seed %d, step %d, tenant %s at %d", seed, step, tenant, nowMs)
                .isEqualTo(expected);
        if (expected.equals(ACCEPTED)) {
            assertThat(outcome.key()).as("seed %d, step %d", seed, step).isEqualTo(tenant + ":" + model.sent.size());
            model.sent.add(outcome.value());
            model.store(outcome.record());
        }
        return outcome;
    }

    private static void checkWal(TopologyFixture topology, String tenant, Model model, long seed) throws IOException {
        List<WalRecord> wal = topology.wal(tenant);
        assertThat(wal)
                .as("seed %d: sequence of %s", seed, tenant)
                .extracting(WalRecord::seq)
                .containsExactlyElementsOf(
                        LongStream.range(0, model.sent.size()).boxed().toList());
        assertThat(wal)
                .as("seed %d: values of %s", seed, tenant)
                .extracting(record -> text(record.value()))
                .isEqualTo(model.sent);
        assertThat(wal)
                .as("seed %d: times of %s", seed, tenant)
                .extracting(WalRecord::timestampMs)
                .isEqualTo(model.acceptedAtMs);
        TenantReport report = new WalVerifier(topology.dataDir(), any -> 0).verify(TenantId.parse(tenant), bytes -> {});
        assertThat(report.damage()).as("seed %d: damage of %s", seed, tenant).isEmpty();
        assertThat(report.segments())
                .as("seed %d: segments of %s, all sealed but the last", seed, tenant)
                .isBetween(model.segments.size(), model.segments.size() + 1);
    }

    /** The quota from a tenant's view, without a model of buckets: in any span at most burst + rate × span. */
    @ParameterizedTest
    @ValueSource(longs = {3, 4})
    void noSpanOfTimeHoldsMoreThanTheBurstAndTheRate(long seed) {
        Random random = new Random(seed);
        int rate = 1 + random.nextInt(20);
        int burst = 1 + random.nextInt(30);
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("42", "\"max_signals_per_sec\":" + rate + ",\"burst_signals\":" + burst);
            List<Long> acceptedAtMs = new ArrayList<>();
            long nowMs = T0;
            for (int i = 0; i < 600; i++) {
                nowMs += random.nextInt(20) == 0 ? random.nextInt(3_000) : random.nextInt(20);
                if (topology.send("42", nowMs).verdict().equals(ACCEPTED)) {
                    acceptedAtMs.add(nowMs);
                }
            }

            assertThat(acceptedAtMs).as("seed %d", seed).hasSizeBetween(burst, 599);
            for (int from = 0; from < acceptedAtMs.size(); from++) {
                for (int to = from; to < acceptedAtMs.size(); to++) {
                    long spanMs = acceptedAtMs.get(to) - acceptedAtMs.get(from);
                    assertThat((to - from + 1) * 1_000L)
                            .as("seed %d, rate %d, burst %d: signals × 1000 in %d ms", seed, rate, burst, spanMs)
                            .isLessThanOrEqualTo(burst * 1_000L + rate * spanMs);
                }
            }
        }
    }
}
