package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares {@link Admission} with a model that uses whole ids and decimal tokens, without fingerprints and nano-tokens. */
class AdmissionModelTest {
    private static final TenantId T42 = TenantId.of(42);

    private static final class Model {
        private final @Nullable String region;
        final EntityModel entities = new EntityModel();
        private long newestMs;
        final Map<Reason, Long> rejected = new EnumMap<>(Reason.class);
        final Map<Reason, Long> observed = new EnumMap<>(Reason.class);
        long accepted;
        long sealedBytes;
        /** Signals and bytes by period, such as {@code 1970-02}. */
        private final Map<String, long[]> periods = new HashMap<>();

        private @Nullable BigDecimal tokens;
        private long refilledAtMs;
        private long fullAtMs;
        private @Nullable BigDecimal bytesLeft;
        private long bytesAtMs;

        /** By type; contains no type that never took a token. */
        private final Map<String, Level> types = new HashMap<>();

        private record Level(BigDecimal tokens, long atMs) {}

        Model(@Nullable String region) {
            this.region = region;
        }

        /** The reason of the rejection; null if the signal passes. */
        @Nullable
        Reason admit(TenantConfig config, Signal signal, int bytes, long nowMs) {
            types.keySet().retainAll(config.signals().keySet());
            Set<String> named = new HashSet<>();
            signal.items().forEach(id -> named.add("item " + id));
            signal.users().forEach(id -> named.add("user " + id));
            signal.creators().forEach(id -> named.add("creator " + id));
            newestMs = Math.max(newestMs, nowMs);
            Reason reason = check(config, signal.type(), bytes, nowMs);
            boolean isEnforced = config.mode() == Mode.ENFORCE || reason == Reason.TENANT_BLOCKED;
            if (reason == null || !isEnforced) {
                entities.adopt(config.idleTtlMs(), newestMs);
                reason = reason == null ? checkEntities(config, named, nowMs) : reason;
            }
            if (reason != null && isEnforced) {
                rejected.merge(reason, 1L, Long::sum);
                return reason;
            }
            if (reason != null) {
                observed.merge(reason, 1L, Long::sum);
            }
            pay(config, nowMs);
            payBytes(config, bytes, nowMs);
            payType(config, signal.type(), nowMs);
            countPeriods(config, bytes, nowMs);
            entities.accept(named, nowMs);
            accepted++;
            return null;
        }

        private @Nullable Reason check(TenantConfig config, @Nullable String type, int bytes, long nowMs) {
            if (config.blockedUntil() != null && Instant.ofEpochMilli(nowMs).isBefore(config.blockedUntil())) {
                return Reason.TENANT_BLOCKED;
            }
            if (!config.requiredRegions().isEmpty()
                    && config.requiredRegions().stream().noneMatch(allowed -> allowed.equals(region))) {
                return Reason.REGION_NOT_ALLOWED;
            }
            if (config.maxStorageBytes() != null
                    && BigInteger.valueOf(sealedBytes).compareTo(config.maxStorageBytes()) >= 0) {
                return Reason.STORAGE_LIMIT;
            }
            if (config.maxSignalBytes() != null && bytes > config.maxSignalBytes()) {
                return Reason.SIGNAL_TOO_LARGE;
            }
            boolean hasBucketOfBytes =
                    config.maxBytesPerSec() != null && config.maxBytesPerSec().signum() > 0;
            if (hasBucketOfBytes && big(bytes).compareTo(byteBurst(config)) > 0) {
                return Reason.SIGNAL_TOO_LARGE;
            }
            for (PeriodLimit limit : config.periods()) {
                long[] used = periods.getOrDefault(period(limit.per(), nowMs), new long[2]);
                if ((limit.maxSignals() != null && big(used[0] + 1).compareTo(limit.maxSignals()) > 0)
                        || (limit.maxBytes() != null && big(used[1] + bytes).compareTo(limit.maxBytes()) > 0)) {
                    return Reason.PERIOD_LIMIT;
                }
            }
            adoptLimits(config, type);
            if (config.maxSignalsPerSec() != null) {
                if (config.maxSignalsPerSec() == 0) {
                    return Reason.RATE_LIMITED;
                }
                if (level(config, nowMs).compareTo(BigDecimal.ONE) < 0) {
                    return config.burst() == 0 || wasFullRecently(config, nowMs)
                            ? Reason.BURST_EXCEEDED
                            : Reason.RATE_LIMITED;
                }
            }
            if (config.maxBytesPerSec() != null
                    && (!hasBucketOfBytes
                            || byteLevel(config, bytes, nowMs).compareTo(BigDecimal.valueOf(bytes)) < 0)) {
                return Reason.BYTE_RATE_LIMITED;
            }
            SignalLimit limit = type == null ? null : config.signals().get(type);
            if (limit != null && typeLevel(type, limit, nowMs).compareTo(BigDecimal.ONE) < 0) {
                return Reason.SIGNAL_RATE_LIMITED;
            }
            return null;
        }

        private @Nullable Reason checkEntities(TenantConfig config, Set<String> named, long nowMs) {
            Set<String> before = entities.counting(nowMs);
            Set<String> after = new HashSet<>(before);
            after.addAll(named);
            boolean grows = after.size() > before.size();
            if (grows
                    && config.maxEntities() != null
                    && BigInteger.valueOf(after.size()).compareTo(config.maxEntities()) > 0) {
                return Reason.ENTITY_LIMIT;
            }
            if (isKindFull("item ", config.maxItems(), before, after)
                    || isKindFull("user ", config.maxUsers(), before, after)
                    || isKindFull("creator ", config.maxCreators(), before, after)) {
                return Reason.ENTITY_LIMIT;
            }
            return null;
        }

        /** The levels carry over, capped at the new sizes; a limit of 0 leaves them unchanged. */
        private void adoptLimits(TenantConfig config, @Nullable String type) {
            if (tokens != null
                    && config.maxSignalsPerSec() != null
                    && config.maxSignalsPerSec() > 0
                    && config.burst() > 0) {
                tokens = tokens.min(BigDecimal.valueOf(config.burst()));
            }
            if (bytesLeft != null
                    && config.maxBytesPerSec() != null
                    && config.maxBytesPerSec().signum() > 0) {
                bytesLeft = bytesLeft.min(new BigDecimal(byteBurst(config)));
            }
            SignalLimit limit = type == null ? null : config.signals().get(type);
            if (limit != null && limit.maxSignalsPerSec() > 0 && limit.burst() > 0) {
                types.computeIfPresent(
                        type,
                        (key, level) -> new Level(level.tokens.min(BigDecimal.valueOf(limit.burst())), level.atMs));
            }
        }

        private void countPeriods(TenantConfig config, int bytes, long nowMs) {
            periods.keySet()
                    .removeIf(name -> config.periods().stream()
                            .noneMatch(limit -> period(limit.per(), nowMs).length() == name.length()));
            for (PeriodLimit limit : config.periods()) {
                long[] used = periods.computeIfAbsent(period(limit.per(), nowMs), period -> new long[2]);
                used[0]++;
                used[1] += bytes;
            }
        }

        private static String period(Per per, long atMs) {
            int length = switch (per) {
                case HOUR -> "1970-01-01T00".length();
                case DAY -> "1970-01-01".length();
                case MONTH -> "1970-01".length();
            };
            return Instant.ofEpochMilli(atMs).toString().substring(0, length);
        }

        private static boolean isKindFull(
                String kind, @Nullable BigInteger max, Set<String> before, Set<String> after) {
            long count = count(kind, after);
            return max != null && count > count(kind, before) && big(count).compareTo(max) > 0;
        }

        static long count(String kind, Set<String> ids) {
            return ids.stream().filter(id -> id.startsWith(kind)).count();
        }

        private static BigInteger byteBurst(TenantConfig config) {
            return config.burstBytes() != null
                    ? config.burstBytes()
                    : config.maxBytesPerSec().shiftLeft(1);
        }

        /** A new bucket has a second of bytes, or the bytes of its first signal if those are more. */
        private BigDecimal byteLevel(TenantConfig config, int bytes, long nowMs) {
            BigDecimal rate = new BigDecimal(config.maxBytesPerSec());
            BigDecimal size = new BigDecimal(byteBurst(config));
            if (bytesLeft == null) {
                return rate.max(BigDecimal.valueOf(bytes)).min(size);
            }
            BigDecimal seconds = BigDecimal.valueOf(Math.max(0, nowMs - bytesAtMs), 3);
            return bytesLeft.min(size).add(rate.multiply(seconds)).min(size);
        }

        private void payBytes(TenantConfig config, int bytes, long nowMs) {
            if (config.maxBytesPerSec() == null) {
                bytesLeft = null;
                return;
            }
            BigDecimal cost = BigDecimal.valueOf(bytes);
            if (config.maxBytesPerSec().signum() == 0 || byteBurst(config).compareTo(big(bytes)) < 0) {
                return;
            }
            BigDecimal level = byteLevel(config, bytes, nowMs);
            if (level.compareTo(cost) >= 0) {
                bytesLeft = level.subtract(cost);
                bytesAtMs = Math.max(bytesAtMs, nowMs);
            }
        }

        BigDecimal typeLevel(String type, SignalLimit limit, long nowMs) {
            BigDecimal rate = BigDecimal.valueOf(limit.maxSignalsPerSec());
            BigDecimal size = BigDecimal.valueOf(limit.burst());
            Level level = types.get(type);
            if (rate.signum() == 0 || size.signum() == 0) {
                return BigDecimal.ZERO;
            }
            return level == null
                    ? rate.min(size)
                    : level.tokens
                            .min(size)
                            .add(rate.multiply(BigDecimal.valueOf(Math.max(0, nowMs - level.atMs), 3)))
                            .min(size);
        }

        private void payType(TenantConfig config, @Nullable String type, long nowMs) {
            SignalLimit limit = type == null ? null : config.signals().get(type);
            if (limit != null && typeLevel(type, limit, nowMs).compareTo(BigDecimal.ONE) >= 0) {
                types.put(type, new Level(typeLevel(type, limit, nowMs).subtract(BigDecimal.ONE), nowMs));
            }
        }

        private BigDecimal level(TenantConfig config, long nowMs) {
            BigDecimal rate = BigDecimal.valueOf(config.maxSignalsPerSec());
            BigDecimal size = BigDecimal.valueOf(config.burst());
            if (tokens == null) {
                return rate.min(size);
            }
            BigDecimal seconds = BigDecimal.valueOf(Math.max(0, nowMs - refilledAtMs), 3);
            return tokens.min(size).add(rate.multiply(seconds)).min(size);
        }

        private boolean wasFullRecently(TenantConfig config, long nowMs) {
            BigDecimal gained =
                    BigDecimal.valueOf(config.maxSignalsPerSec()).multiply(BigDecimal.valueOf(nowMs - fullAtMs, 3));
            return gained.compareTo(BigDecimal.valueOf(config.burst())) <= 0;
        }

        private void pay(TenantConfig config, long nowMs) {
            if (config.maxSignalsPerSec() == null) {
                tokens = null;
                return;
            }
            if (config.maxSignalsPerSec() == 0 || config.burst() == 0) {
                return;
            }
            BigDecimal level = level(config, nowMs);
            if (level.compareTo(BigDecimal.ONE) < 0) {
                return;
            }
            boolean isNew = tokens == null;
            if (isNew || level.compareTo(BigDecimal.valueOf(config.burst())) == 0) {
                fullAtMs = isNew ? nowMs : Math.max(fullAtMs, nowMs);
            }
            refilledAtMs = isNew ? nowMs : Math.max(refilledAtMs, nowMs);
            tokens = level.subtract(BigDecimal.ONE);
        }
    }

    @Timeout(600)
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void decidesAsAPlainModelDoesAtEveryStep(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        String region = seed % 3 == 0 ? null : "eu";
        Admission admission = new Admission(region);
        TenantUsage usage = TenantUsage.fresh(random.nextLong(), random.nextLong());
        Map<Integer, byte[]> stored = new TreeMap<>();
        Map<Bucket, Map<Integer, byte[]>> history = histories();
        Model model = new Model(region);
        TenantConfig config = someConfig(random, 1_000_000);
        long now = 1_000_000;
        for (int step = 0; step < 8_000; step++) {
            String type = pick(random, null, "a", "b", "c", "d", "e", "not limited");
            Signal signal = new Signal(null, type, someIds(random), someIds(random), someIds(random));
            String at = "seed %d, step %d, now %d: %s, %s".formatted(seed, step, now, signal, config);
            int bytes = 1 + random.nextInt(random.nextInt(10) == 0 ? 2_000 : 100);
            Reason expected = model.admit(config, signal, bytes, now);
            Decision decision = admission.admit(config, usage, signal, bytes, now);
            if (expected == null) {
                assertThat(decision).as(at).isEqualTo(new Accepted());
            } else {
                assertThat(decision).as(at).isInstanceOf(Rejected.class);
                QuotaExceeded quota = ((Rejected) decision).quota();
                assertThat(quota.reason()).as(at).isEqualTo(expected);
                assertThat(quota.tenant()).as(at).isEqualTo(T42);
            }
            assertSameState(usage, model, at);
            assertSameTokens(config, usage, model, now, at);
            StoredChunks.changed(usage.entities(), stored);

            now += random.nextInt(30) == 0 ? random.nextInt(3_000) : random.nextInt(4);
            if (random.nextInt(250) == 0) {
                now += random.nextLong(pick(random, 7_200_000L, 100_000_000L, 5_000_000_000L));
            }
            if (random.nextInt(60) == 0) {
                config = someConfig(random, now);
            }
            if (random.nextInt(40) == 0) {
                long change = random.nextInt(2) == 0 ? 300 : -Math.min(model.sealedBytes, 500);
                usage.storageChanged(change > 0 ? 1 : -1, change);
                model.sealedBytes += change;
            }
            if (random.nextInt(200) == 0) {
                usage = reread(usage, stored, history);
            }
        }
        assertThat(model.accepted).as("seed %d: some pass", seed).isPositive();
        assertThat(model.rejected.keySet())
                .as("seed %d: every reason occurs", seed)
                .contains(Reason.TENANT_BLOCKED, Reason.REGION_NOT_ALLOWED, Reason.STORAGE_LIMIT)
                .contains(Reason.RATE_LIMITED, Reason.BURST_EXCEEDED, Reason.ENTITY_LIMIT)
                .contains(Reason.BYTE_RATE_LIMITED, Reason.SIGNAL_TOO_LARGE, Reason.PERIOD_LIMIT)
                .contains(Reason.SIGNAL_RATE_LIMITED);
        assertThat(model.observed).as("seed %d: observe mode occurs", seed).isNotEmpty();
    }

    private static void assertSameState(TenantUsage usage, Model model, String at) {
        assertThat(usage.acceptedCount()).as(at).isEqualTo(model.accepted);
        assertThat(usage.entityCount())
                .as(at)
                .isEqualTo(model.entities.counting().size());
        assertThat(usage.entityCount(EntityKind.USER))
                .as(at)
                .isEqualTo(Model.count("user ", model.entities.counting()));
        assertThat(usage.entities().size()).as(at).isGreaterThanOrEqualTo((int) usage.entityCount());
        assertThat(usage.sealedBytes()).as(at).isEqualTo(model.sealedBytes);
        for (Reason reason : Reason.values()) {
            assertThat(usage.rejectedCount(reason)).as(at).isEqualTo(model.rejected.getOrDefault(reason, 0L));
            assertThat(usage.observedCount(reason)).as(at).isEqualTo(model.observed.getOrDefault(reason, 0L));
        }
    }

    /** All or nothing: a rejected signal, whatever the reason, takes no token of any bucket and counts in no period. */
    private static void assertSameTokens(TenantConfig config, TenantUsage usage, Model model, long nowMs, String at) {
        config.signals().forEach((type, limit) -> {
            if (limit.maxSignalsPerSec() > 0 && limit.burst() > 0) {
                assertThat(usage.signalTokens(type, limit, nowMs))
                        .as("%s: tokens of %s", at, type)
                        .isEqualTo(model.typeLevel(type, limit, nowMs).longValue());
            }
        });
        if (config.maxSignalsPerSec() != null && config.maxSignalsPerSec() > 0 && config.burst() > 0) {
            assertThat(usage.tokens(config, nowMs))
                    .as("%s: tokens", at)
                    .isEqualTo(model.level(config, nowMs).longValue());
        }
        boolean hasBytes = config.maxBytesPerSec() != null && config.bytesPerSec() > 0 && config.bytesBurst() > 0;
        // Above this size, the bucket holds less than its limit.
        if (hasBytes && Math.max(config.bytesPerSec(), config.bytesBurst()) <= BucketLimits.TOKENS_MAX) {
            assertThat(usage.byteTokens(config, nowMs))
                    .as("%s: bytes", at)
                    .isEqualTo(model.byteLevel(config, 0, nowMs).longValue());
        }
        for (PeriodLimit limit : config.periods()) {
            long[] used = model.periods.getOrDefault(Model.period(limit.per(), nowMs), new long[2]);
            assertThat(usage.periodSignals(limit.per(), nowMs)).as(at).isEqualTo(used[0]);
            assertThat(usage.periodBytes(limit.per(), nowMs)).as(at).isEqualTo(used[1]);
        }
    }

    /** {@code retry_after_ms} promises that the same signal passes then, and not one millisecond earlier. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void retryAfterIsTheFirstMillisecondAtWhichTheSameSignalPasses(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Admission admission = new Admission("eu");
        TenantUsage usage = TenantUsage.fresh(1, 2);
        Signal signal = new Signal(null, "a", List.of(), List.of(), List.of());
        int checked = 0;
        long now = 1_000_000;
        for (int round = 0; round < 400; round++) {
            TenantConfig config = TenantConfig.unlimited(T42, "").toBuilder()
                    .maxSignalsPerSec(random.nextInt(4) == 0 ? null : (Long) (1 + random.nextLong(300)))
                    .maxBytesPerSec(random.nextInt(3) == 0 ? null : big(1 + random.nextLong(30_000)))
                    .burstBytes(random.nextInt(2) == 0 ? null : big(2_000))
                    .signals(
                            random.nextInt(2) == 0
                                    ? Map.of()
                                    : Map.of(
                                            "a",
                                            new SignalLimit(1 + random.nextLong(200), pick(random, null, 1L, 50L))))
                    .blockedUntil(someTime(random, now))
                    .build();
            for (int i = 0; i < 20; i++) {
                int bytes = 1 + random.nextInt(random.nextInt(5) == 0 ? 1_900 : 100);
                if (!(admission.admit(config, usage, signal, bytes, now) instanceof Rejected rejected)
                        || rejected.quota().reason() == Reason.SIGNAL_TOO_LARGE) {
                    continue;
                }
                String at = "seed %d, round %d: %s, %s".formatted(seed, round, rejected, config);
                long retryAfterMs = rejected.quota().retryAfterMs().orElseThrow();
                assertThat(retryAfterMs).as(at).isPositive();
                assertThat(admission.admit(config, usage, signal, bytes, now + retryAfterMs - 1))
                        .as(at)
                        .isInstanceOf(Rejected.class);
                if (rejected.quota().reason() != Reason.TENANT_BLOCKED) {
                    assertThat(admission.admit(config, usage, signal, bytes, now + retryAfterMs))
                            .as(at)
                            .isInstanceOf(Accepted.class);
                }
                now += retryAfterMs;
                checked++;
            }
        }
        assertThat(checked).as("seed %d", seed).isGreaterThan(400);
    }

    /** Isolation, with one Admission: a tenant's flood, config and entities must not affect another tenant's decisions. */
    @Test
    void anotherTenantsFloodChangesNoDecision() {
        assertThat(decisionsOfT1(true)).isEqualTo(decisionsOfT1(false));
    }

    private static List<Decision> decisionsOfT1(boolean withFlood) {
        SplittableRandom random = new SplittableRandom(99);
        SplittableRandom flood = new SplittableRandom(7);
        Admission admission = new Admission("eu");
        TenantUsage mine = TenantUsage.fresh(1, 2);
        TenantUsage other = TenantUsage.fresh(3, 4);
        TenantConfig config = new TenantConfig(
                TenantId.of(1), 20L, null, BigInteger.valueOf(15), null, List.of(), "", Mode.ENFORCE, null);
        List<Decision> decisions = new ArrayList<>();
        long now = 1_000_000;
        for (int step = 0; step < 3_000; step++) {
            for (int i = 0; withFlood && i < 5; i++) {
                admission.admit(
                        someConfig(flood, now), other, new Signal(null, someId(flood), "x" + i, null), 100, now);
            }
            decisions.add(
                    admission.admit(config, mine, new Signal(null, someId(random), null, someId(random)), 100, now));
            now += random.nextInt(60);
        }
        return decisions;
    }

    private static TenantConfig someConfig(SplittableRandom random, long nowMs) {
        return TenantConfig.unlimited(T42, "").toBuilder()
                .maxSignalsPerSec(pick(random, null, null, 0L, 1L, 50L, 400L, 1_000L, TenantConfig.U32_MAX))
                .burstSignals(pick(random, null, null, null, 0L, 1L, 5L, 300L))
                .maxBytesPerSec(pick(
                        random, null, null, null, big(0), big(60), big(20_000), big(100_000), TenantConfig.U64_MAX))
                .burstBytes(pick(random, null, null, null, null, big(0), big(90), big(30_000), TenantConfig.U64_MAX))
                .maxSignalBytes(pick(random, null, null, null, 0L, 90L, 1_000L))
                .periods(somePeriods(random))
                .signals(someSignals(random))
                .maxEntities(pick(random, null, null, big(0), big(10), big(40), big(150), TenantConfig.U64_MAX))
                .maxItems(pick(random, null, null, null, null, big(0), big(20), TenantConfig.U64_MAX))
                .maxUsers(pick(random, null, null, null, null, big(3), big(50)))
                .maxCreators(pick(random, null, null, null, null, big(5), big(60)))
                .entityIdleTtl(someTtl(new SplittableRandom(nowMs)))
                .maxStorageBytes(pick(random, null, null, null, big(0), big(500), big(2_000), TenantConfig.U64_MAX))
                .requiredRegions(
                        pick(random, List.of(), List.of(), List.of(), List.of(), List.of("us"), List.of("us", "eu")))
                .mode(random.nextInt(4) == 0 ? Mode.OBSERVE : Mode.ENFORCE)
                .blockedUntil(someTime(random, nowMs))
                .build();
    }

    private static @Nullable Duration someTtl(SplittableRandom random) {
        return pick(random, null, Duration.ofSeconds(1), Duration.ofMillis(2_500), Duration.ofHours(1));
    }

    private static List<PeriodLimit> somePeriods(SplittableRandom random) {
        List<PeriodLimit> periods = new ArrayList<>();
        for (Per per : Per.ALL) {
            if (random.nextInt(8) == 0) {
                BigInteger signals = pick(random, null, big(0), big(40), big(300));
                periods.add(new PeriodLimit(
                        per,
                        signals,
                        signals == null ? pick(random, big(500), big(20_000)) : pick(random, null, big(900))));
            }
        }
        return periods;
    }

    private static Map<String, SignalLimit> someSignals(SplittableRandom random) {
        Map<String, SignalLimit> limits = new HashMap<>();
        for (String type : List.of("a", "b", "c", "d", "e")) {
            if (random.nextInt(3) == 0) {
                limits.put(
                        type,
                        new SignalLimit(
                                pick(random, 0L, 1L, 20L, 100L, 400L, TenantConfig.U32_MAX),
                                pick(random, null, null, null, 0L, 1L, 5L, 100L)));
            }
        }
        return limits;
    }

    private static @Nullable Instant someTime(SplittableRandom random, long nowMs) {
        return random.nextInt(8) == 0 ? Instant.ofEpochMilli(nowMs + random.nextInt(-100, 200)) : null;
    }

    private static List<String> someIds(SplittableRandom random) {
        Set<String> ids = new HashSet<>();
        for (int count = random.nextInt(4); count > 0; count--) {
            ids.add(String.valueOf(someId(random)));
        }
        return List.copyOf(ids);
    }

    private static @Nullable String someId(SplittableRandom random) {
        int id = random.nextInt(15) * random.nextInt(15);
        return random.nextInt(3) == 0 ? null : "id" + id;
    }

    private static BigInteger big(long value) {
        return BigInteger.valueOf(value);
    }

    @SafeVarargs
    private static <T> T pick(SplittableRandom random, T... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private static Map<Bucket, Map<Integer, byte[]>> histories() {
        Map<Bucket, Map<Integer, byte[]>> histories = new HashMap<>();
        for (Bucket bucket : Bucket.ALL) {
            histories.put(bucket, new TreeMap<>());
        }
        return histories;
    }

    /** Simulates a restart: reads the usage and its entities from their stored form. */
    private static TenantUsage reread(
            TenantUsage usage, Map<Integer, byte[]> stored, Map<Bucket, Map<Integer, byte[]>> history) {
        usage.entities().writeAll(stored::put);
        TenantUsage read = TenantUsage.read(usage.write());
        history.forEach((bucket, chunks) -> {
            usage.writeHistory(bucket, (number, chunk) -> {
                if (chunk == null) {
                    chunks.remove(number);
                } else {
                    chunks.put(number, chunk);
                }
            });
            if (read.hasStoredHistory(bucket)) {
                read.loadHistory(bucket, chunks);
            }
        });
        stored.forEach(read.entities()::load);
        assertThat(read.entities().size()).isEqualTo((int) read.entityCount());
        return read;
    }
}
