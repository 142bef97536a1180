package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EntitySetTest {
    private record Fingerprint(long high, long low) {}

    /** Distributions of fingerprints: uniform, all in the same few slots, or different in only one half. */
    private enum Spread {
        UNIFORM,
        LAST_SLOTS,
        SAME_HIGH,
        SAME_LOW;

        Fingerprint next(SplittableRandom random) {
            return switch (this) {
                case UNIFORM -> new Fingerprint(random.nextLong(), random.nextLong());
                case LAST_SLOTS -> new Fingerprint(-1L - random.nextInt(4), random.nextLong());
                case SAME_HIGH -> new Fingerprint(0, 1 + random.nextInt(100_000));
                case SAME_LOW -> new Fingerprint(((long) random.nextInt() << 32) | 1, 0);
            };
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void holdsWhatAHashSetHolds(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Spread spread = Spread.values()[(int) (seed % 4)];
        EntitySet set = new EntitySet();
        Set<Fingerprint> model = new HashSet<>();
        List<Fingerprint> order = new ArrayList<>();
        for (int step = 0; step < 3_000; step++) {
            Fingerprint next = !order.isEmpty() && random.nextInt(4) == 0
                    ? order.get(random.nextInt(order.size()))
                    : spread.next(random);
            assertThat(set.contains(next.high, next.low))
                    .as("seed %d, step %d", seed, step)
                    .isEqualTo(model.contains(next));
            if (model.add(next)) {
                set.add(next.high, next.low);
                order.add(next);
            }
            assertThat(set.size()).as("seed %d, step %d", seed, step).isEqualTo(model.size());
            assertThat(set.contains(next.high, next.low))
                    .as("seed %d, step %d", seed, step)
                    .isTrue();
        }
        for (Fingerprint known : order) {
            assertThat(set.contains(known.high, known.low)).as("seed %d", seed).isTrue();
        }
    }

    /** Like the store, writes the chunks that each decision touched, and reads them all back. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void comesBackFromTheChunksThatEachDecisionTouched(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        EntitySet set = new EntitySet();
        List<Fingerprint> order = new ArrayList<>();
        Map<Integer, byte[]> store = new TreeMap<>();
        while (order.size() < 5 * EntitySet.CHUNK_ENTITIES) {
            int firstTouched = set.firstHeldChunk();
            for (int added = 1 + random.nextInt(3); added > 0; added--) {
                Fingerprint next = Spread.UNIFORM.next(random);
                set.add(next.high, next.low);
                order.add(next);
            }
            int lastTouched = (set.size() - 1) / EntitySet.CHUNK_ENTITIES;
            for (int number = firstTouched; number <= lastTouched; number++) {
                store.put(number, set.chunk(number));
            }
            if (random.nextInt(3) == 0) {
                set.release();
            }
            assertLoadsBack(store, order, seed);
        }
    }

    private static void assertLoadsBack(Map<Integer, byte[]> store, List<Fingerprint> order, long seed) {
        EntitySet loaded = new EntitySet();
        store.forEach(loaded::load);
        assertThat(loaded.size()).as("seed %d", seed).isEqualTo(order.size());
        for (Fingerprint known : order) {
            assertThat(loaded.contains(known.high, known.low))
                    .as("seed %d, %d entities", seed, order.size())
                    .isTrue();
        }
        if (loaded.size() % EntitySet.CHUNK_ENTITIES > 0) {
            int last = loaded.tailChunk();
            assertThat(loaded.chunk(last)).as("seed %d", seed).isEqualTo(store.get(last));
        }
    }

    @Test
    void goesToTheNextChunkAfter64Entities() {
        EntitySet set = new EntitySet();
        assertThat(set.tailChunk()).isZero();
        for (int i = 1; i <= 63; i++) {
            set.add(i, i);
        }
        assertThat(set.tailChunk()).isZero();
        set.add(64, 64);
        assertThat(set.tailChunk()).isEqualTo(1);
        assertThat(set.chunk(0)).hasSize(1 + 64 * 16);
        set.add(65, 65);
        assertThat(set.chunk(1)).hasSize(1 + 16);
        assertThat(set.chunk(0)).hasSize(1 + 64 * 16);
    }

    @Test
    void keepsChunksUntilTheyAreReleased() {
        EntitySet set = new EntitySet();
        assertThatIllegalArgumentException().isThrownBy(() -> set.chunk(0));
        for (int i = 1; i <= 2 * 64 + 1; i++) {
            set.add(i, i);
        }
        assertThat(set.chunk(0)).hasSize(1 + 64 * 16);
        byte[] last = set.chunk(2);
        set.release();
        assertThat(set.firstHeldChunk()).isEqualTo(2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> set.chunk(1))
                .withMessage("chunk 1 of 129 entities is released or empty");
        assertThatIllegalArgumentException().isThrownBy(() -> set.chunk(3));
        assertThat(set.chunk(2)).isEqualTo(last).hasSize(1 + 16);
    }

    @Test
    void takesAtMost32BytesForAnEntityAndOneChunk() {
        SplittableRandom random = new SplittableRandom(1);
        EntitySet set = new EntitySet();
        for (int count = 1; count <= 200_000; count++) {
            set.add(random.nextLong(), random.nextLong());
            set.release();
            if (count >= 1_000) {
                assertThat(set.memoryBytes()).as("%d entities", count).isLessThanOrEqualTo(32L * count + 2_000);
            }
        }
    }

    @Test
    void reservesRoomForTheExpectedEntities() {
        EntitySet set = new EntitySet();
        set.expect(100_000);
        long before = set.memoryBytes();
        SplittableRandom random = new SplittableRandom(2);
        for (int count = 0; count < 100_000; count++) {
            set.add(random.nextLong(), random.nextLong());
            set.release();
        }
        assertThat(set.memoryBytes()).isBetween(before, before + 3_000);
        assertThatIllegalStateException().isThrownBy(() -> set.expect(EntitySet.ENTITIES_MAX + 1L));
    }

    @Test
    void writesTheGoldenChunk() throws IOException {
        EntitySet set = new EntitySet();
        set.add(0x0102030405060708L, 0x090a0b0c0d0e0f10L);
        set.add(-1L, 0L);
        set.add(0L, Long.MIN_VALUE);
        assertThat(HexFormat.of().formatHex(set.chunk(0))).isEqualTo(Golden.hex("entity-chunk-v1.hex"));
    }

    @Test
    void readsTheGoldenChunk() throws IOException {
        EntitySet set = new EntitySet();
        set.load(0, HexFormat.of().parseHex(Golden.hex("entity-chunk-v1.hex")));
        assertThat(set.size()).isEqualTo(3);
        assertThat(set.contains(0x0102030405060708L, 0x090a0b0c0d0e0f10L)).isTrue();
        assertThat(set.contains(-1L, 0L)).isTrue();
        assertThat(set.contains(0L, Long.MIN_VALUE)).isTrue();
        assertThat(set.contains(0L, 1L)).isFalse();
    }

    @Test
    void rejectsAChunkThatIsTruncatedAtAnyByteWithinAFingerprintOrOfAnotherVersion() {
        EntitySet set = new EntitySet();
        set.add(1, 2);
        set.add(3, 4);
        byte[] chunk = set.chunk(0);
        for (int cut = 0; cut < chunk.length; cut++) {
            byte[] part = Arrays.copyOf(chunk, cut);
            if (cut % 16 != 1) {
                assertThatIllegalStateException()
                        .as("cut to %d bytes", cut)
                        .isThrownBy(() -> new EntitySet().load(0, part))
                        .withMessageContaining("is not of version 1");
            }
        }
        chunk[0] = 2;
        assertThatIllegalStateException().isThrownBy(() -> new EntitySet().load(0, chunk));
    }

    @Test
    void rejectsChunksOutOfOrderAndAfterOneThatIsNotFull() {
        EntitySet one = new EntitySet();
        one.add(1, 2);
        byte[] chunk = one.chunk(0);
        assertThatIllegalStateException()
                .isThrownBy(() -> new EntitySet().load(1, chunk))
                .withMessage("entity chunk 1 follows 0 entities");
        assertThatIllegalStateException().isThrownBy(() -> one.load(1, chunk));
        assertThatIllegalStateException().isThrownBy(() -> one.load(0, chunk));
    }
}
