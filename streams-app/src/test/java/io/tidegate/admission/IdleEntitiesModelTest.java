package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Decision.Accepted;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Compares idle entities with {@link EntityModel}: late signals, changed and removed ttls, rejections, observe mode, commands,
 * and crashes that lose uncommitted state.
 */
class IdleEntitiesModelTest {
    private static final TenantId T42 = TenantId.of(42);
    private static final long TTL_MS = 16_384;

    @Timeout(600)
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void decidesAsAPlainModelDoesAtEveryStep(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Admission admission = new Admission(null);
        TenantUsage usage = TenantUsage.fresh(random.nextLong(), random.nextLong());
        EntityModel model = new EntityModel();
        Map<Integer, byte[]> stored = new TreeMap<>();
        TenantConfig config = someConfig(random, seed);
        long newest = 0;
        long now = 1_000_000;
        int rejected = 0;
        int collected = 0;
        for (int step = 0; step < 4_000; step++) {
            long at = random.nextInt(4) == 0 ? Math.max(0, now - random.nextLong(2 * TTL_MS)) : now;
            Signal signal = someSignal(random, step, seed);
            Set<String> named = ids(signal);
            String as = "seed %d, step %d, at %d: %s, %s".formatted(seed, step, at, signal, config);
            newest = Math.max(newest, at);
            model.adopt(config.idleTtlMs(), newest);
            Set<String> before = new HashSet<>(model.counting(at));
            boolean fits = fits(config, before, named);
            Decision decision = admission.admit(config, usage, signal, 100, at);
            assertThat(decision instanceof Accepted).as(as).isEqualTo(fits || config.mode() == Mode.OBSERVE);
            if (decision instanceof Accepted) {
                model.accept(named, at);
            } else {
                rejected++;
            }
            collected += StoredChunks.changed(usage.entities(), stored);
            assertSame(usage, model, as);
            now += random.nextInt(20);
            if (random.nextInt(500) == 0) {
                now += random.nextLong(2 * TTL_MS);
            }
            if (random.nextInt(400) == 0) {
                config = someConfig(random, seed);
            }
            if (random.nextInt(100) == 0) {
                usage = reread(usage, stored);
                assertSame(usage, model, as);
            }
            if (random.nextInt(300) == 0) {
                usage = forget(usage, model, stored, random, as);
            }
        }
        assertThat(rejected).as("seed %d: some are rejected", seed).isPositive();
        assertThat(collected).as("seed %d: chunks are collected", seed).isPositive();
    }

    private static TenantConfig someConfig(SplittableRandom random, long seed) {
        Duration ttl = seed % 3 == 0
                ? Duration.ofMillis(TTL_MS)
                : List.of(Duration.ofMillis(TTL_MS), Duration.ofSeconds(1), Duration.ofSeconds(40), Duration.ofHours(1))
                        .get(random.nextInt(4));
        return TenantConfig.unlimited(T42, "").toBuilder()
                .maxEntities(BigInteger.valueOf(100 + random.nextInt(400)))
                .maxUsers(random.nextBoolean() ? null : BigInteger.valueOf(150))
                .entityIdleTtl(random.nextInt(6) == 0 ? null : ttl)
                .mode(random.nextInt(8) == 0 ? Mode.OBSERVE : Mode.ENFORCE)
                .build();
    }

    /** A signal with random ids, some repeated often, others unique. */
    private static Signal someSignal(SplittableRandom random, int step, long seed) {
        String once = "once" + step;
        List<String> items = Stream.of("a" + random.nextInt(50), once)
                .limit(random.nextInt(3))
                .toList();
        String user = random.nextInt(3) == 0 ? null : "u" + random.nextInt(seed % 2 == 0 ? 300 : 3_000);
        String creator = random.nextInt(4) == 0 ? "c" + step / 50 : null;
        return new Signal(null, null, null, items, users(user), users(creator));
    }

    private static List<String> users(@Nullable String id) {
        return id == null ? List.of() : List.of(id);
    }

    private static Set<String> ids(Signal signal) {
        Set<String> ids = new HashSet<>();
        signal.items().forEach(id -> ids.add("item " + id));
        signal.users().forEach(id -> ids.add("user " + id));
        signal.creators().forEach(id -> ids.add("creator " + id));
        return ids;
    }

    private static boolean fits(TenantConfig config, Set<String> before, Set<String> named) {
        Set<String> after = new HashSet<>(before);
        after.addAll(named);
        long users = count("user ", after);
        return after.size() == before.size()
                || (after.size() <= config.entityLimit()
                        && (users <= config.userLimit() || users == count("user ", before)));
    }

    private static long count(String kind, Set<String> ids) {
        return ids.stream().filter(id -> id.startsWith(kind)).count();
    }

    private static void assertSame(TenantUsage usage, EntityModel model, String as) {
        Set<String> counting = model.counting();
        assertThat(usage.entityCount()).as(as).isEqualTo(counting.size());
        for (EntityKind kind : EntityKind.ALL) {
            assertThat(usage.entityCount(kind)).as(as).isEqualTo(count(kind.id() + " ", counting));
        }
    }

    /** Simulates a crash right after a commit, or a standby that takes over. */
    private static TenantUsage reread(TenantUsage usage, Map<Integer, byte[]> stored) {
        usage.entities().writeAll(stored::put);
        TenantUsage read = TenantUsage.read(usage.write());
        assertThat(read.entities().isStored(read.entityCount())).isEqualTo(!stored.isEmpty() || read.entityCount() > 0);
        stored.forEach(read.entities()::load);
        assertThat(read.entities().size()).isEqualTo((int) read.entityCount());
        return read;
    }

    private static TenantUsage forget(
            TenantUsage usage, EntityModel model, Map<Integer, byte[]> stored, SplittableRandom random, String as) {
        TenantUsage loaded = reread(usage, stored);
        String user = "u" + random.nextInt(300);
        boolean found = loaded.forget(EntityKind.USER, user, stored::get, (number, chunk) -> {
            if (chunk == null) {
                stored.remove(number);
            } else {
                stored.put(number, chunk);
            }
        });
        assertThat(found).as(as).isEqualTo(model.counting().remove("user " + user));
        TenantUsage left = TenantUsage.read(loaded.write());
        stored.forEach(left.entities()::load);
        assertThat(left.entities().size()).as(as).isEqualTo((int) left.entityCount());
        return left;
    }
}
