package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The set of replayed rejections: positions in {@code quota-exceeded}, as the keys of the ledger's records encode them. Their
 * values are the id of that topic, because a topic that is deleted and created again uses the same positions for others.
 *
 * <p>Sparse: memory follows the number of replays, not the offsets, with 512 bytes for each run of 4,096 offsets that has at
 * least one. Positions that the topic no longer holds are dropped. Not thread-safe.
 */
final class ReplayLedger {
    /** The maximum number of blocks: 64 MiB, which hold the replays of half a billion neighbouring rejections. */
    static final int BLOCKS_MAX = 131_072;

    private static final int BLOCK_BITS = 4_096;

    /**
     * The value that builds before 0.1.0 wrote. It counts for any topic: sending a signal twice is worse than leaving out one of a
     * topic that was created again.
     */
    private static final byte[] ANY_TOPIC = {'1'};

    private final Map<Integer, Long> firstOffsets;
    private final byte[] topicId;
    private final int blocksMax;
    private final Map<Integer, Map<Long, long[]>> done = new HashMap<>();
    private int blocks;

    /**
     * @param firstOffsets the beginnings of the partitions of {@code quota-exceeded}; positions in other partitions are dropped
     * @param topicId the id of {@code quota-exceeded}; positions in an earlier topic of that name are dropped
     */
    ReplayLedger(Map<Integer, Long> firstOffsets, String topicId) {
        this(firstOffsets, topicId, BLOCKS_MAX);
    }

    ReplayLedger(Map<Integer, Long> firstOffsets, String topicId, int blocksMax) {
        this.firstOffsets = Map.copyOf(firstOffsets);
        this.topicId = topicId.getBytes(StandardCharsets.UTF_8);
        this.blocksMax = blocksMax;
    }

    /** Returns the key of the ledger's record for a position. */
    static byte[] key(int partition, long offset) {
        return (partition + "/" + offset).getBytes(StandardCharsets.UTF_8);
    }

    /** Returns the value of the ledger's records. */
    byte[] value() {
        return topicId.clone();
    }

    /**
     * Adds the position that a record of the ledger encodes. Skips records that Tidegate did not write.
     *
     * @throws AdminException if there are too many positions
     */
    void add(byte @Nullable [] key, byte @Nullable [] value) {
        if (!Arrays.equals(value, topicId) && !Arrays.equals(value, ANY_TOPIC)) {
            return;
        }
        String[] parts = key == null ? new String[0] : new String(key, StandardCharsets.UTF_8).split("/", -1);
        if (parts.length != 2) {
            return;
        }
        try {
            add(Integer.parseInt(parts[0]), Long.parseLong(parts[1]));
        } catch (NumberFormatException e) {
            // not written by Tidegate
        }
    }

    private void add(int partition, long offset) {
        Long first = firstOffsets.get(partition);
        if (first == null || offset < first) {
            return;
        }
        long[] block = done.computeIfAbsent(partition, key -> new HashMap<>())
                .computeIfAbsent(offset / BLOCK_BITS, key -> newBlock());
        int bit = (int) (offset % BLOCK_BITS);
        block[bit / Long.SIZE] |= 1L << bit;
    }

    private long[] newBlock() {
        if (++blocks > blocksMax) {
            throw new AdminException(
                    "the ledger of replays names more than %d positions that are still in quota-exceeded; shorten that topic's retention"
                            .formatted((long) blocksMax * BLOCK_BITS));
        }
        return new long[BLOCK_BITS / Long.SIZE];
    }

    boolean contains(int partition, long offset) {
        Map<Long, long[]> of = done.get(partition);
        long[] block = of == null ? null : of.get(offset / BLOCK_BITS);
        int bit = (int) (offset % BLOCK_BITS);
        return block != null && (block[bit / Long.SIZE] & 1L << bit) != 0;
    }
}
