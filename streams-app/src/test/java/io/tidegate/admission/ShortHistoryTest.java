package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** A history of a few acceptances is part of the stored usage; a longer one has chunks. */
class ShortHistoryTest {
    private static final long T = 1_700_000_000_000L;
    private static final long LATENESS_MS = HistoryBounds.LATENESS_MS_DEFAULT;
    private static final int HISTORY = 9;
    private static final int SHORT_HISTORY = 32;
    private static final Signal SIGNAL = new Signal(null, null, null, null);

    private final Admission admission = new Admission(null);
    private final Map<Integer, byte[]> chunks = new TreeMap<>();
    private TenantUsage usage = TenantUsage.fresh(1, 2);
    private byte[] stored = new byte[0];

    private static TenantConfig config(long perSec) {
        return new TenantConfig(TenantId.of(1), perSec, 2 * perSec, null, null, List.of(), "", Mode.ENFORCE, null);
    }

    private boolean accepts(long perSec, long atMs) {
        return admission.admit(config(perSec), usage, SIGNAL, 100, atMs) instanceof Decision.Accepted;
    }

    private void accept(int count, long stepMs) {
        long fromMs = Math.max(T, usage.lastDecisionMs());
        for (int i = 1; i <= count; i++) {
            assertThat(accepts(10, fromMs + i * stepMs)).isTrue();
        }
    }

    /** Writes what a commit writes. */
    private void commit() {
        stored = usage.write();
        usage.writeHistory(Bucket.SIGNALS, (number, chunk) -> {
            if (chunk == null) {
                assertThat(chunks.remove(number)).as("chunk %d", number).isNotNull();
            } else {
                chunks.put(number, chunk);
            }
        });
    }

    /** Reads what the last commit wrote, as a task does that takes over. */
    private void restart() {
        usage = TenantUsage.read(stored);
        assertThat(usage.hasStoredHistory(Bucket.SIGNALS)).isEqualTo(!chunks.isEmpty());
        if (!chunks.isEmpty()) {
            usage.loadHistory(Bucket.SIGNALS, chunks);
        }
    }

    private static List<Integer> tags(byte[] usage) {
        List<Integer> tags = new ArrayList<>();
        for (int at = 1; at < usage.length; ) {
            tags.add(Byte.toUnsignedInt(usage[at]));
            at += 3 + Short.toUnsignedInt(ByteBuffer.wrap(usage).getShort(at + 1));
        }
        return tags;
    }

    private static byte[] section(byte[] usage, int tag) {
        for (int at = 1; at < usage.length; ) {
            int length = 3 + Short.toUnsignedInt(ByteBuffer.wrap(usage).getShort(at + 1));
            if (Byte.toUnsignedInt(usage[at]) == tag) {
                return Arrays.copyOfRange(usage, at, at + length);
            }
            at += length;
        }
        throw new AssertionError("no section " + tag);
    }

    private static byte[] with(byte[] usage, byte[] section) {
        return ByteBuffer.allocate(usage.length + section.length)
                .put(usage)
                .put(section)
                .array();
    }

    private static byte[] without(byte[] usage, int tag) {
        ByteBuffer rest = ByteBuffer.allocate(usage.length).put(usage[0]);
        for (int one : tags(usage)) {
            if (one != tag) {
                rest.put(section(usage, one));
            }
        }
        return Arrays.copyOf(rest.array(), rest.position());
    }

    @Test
    void aShortHistoryJudgesLateSignalsAfterARestartWithoutAChunk() {
        accept(AcceptedHistory.SHORT_ENTRIES_MAX, 100);
        commit();
        assertThat(chunks).isEmpty();
        assertThat(tags(stored)).contains(SHORT_HISTORY).doesNotContain(HISTORY);
        List<Boolean> uninterrupted = lateAnswers();
        restart();
        assertThat(usage.write()).isEqualTo(stored);
        assertThat(lateAnswers()).isEqualTo(uninterrupted).contains(true, false);
    }

    private List<Boolean> lateAnswers() {
        TokenBucket bucket = usage.bucket;
        List<Boolean> answers = new ArrayList<>();
        for (long atMs = T - 1_000; atMs < usage.lastDecisionMs(); atMs += 10) {
            answers.add(bucket.has(5, atMs));
            answers.add(bucket.has(10, atMs));
        }
        return answers;
    }

    @Test
    void aHistoryThatGrowsMovesToAChunkAndBackWhenItShrinks() {
        accept(AcceptedHistory.SHORT_ENTRIES_MAX, 200);
        commit();
        restart();
        accept(1, 200);
        commit();
        assertThat(chunks).hasSize(1);
        assertThat(tags(stored)).contains(HISTORY).doesNotContain(SHORT_HISTORY);
        restart();
        // With 64 entries, those older than a minute are folded: one stays.
        accept(31, 2 * LATENESS_MS);
        assertThat(usage.bucket.historyEntries()).isLessThan(AcceptedHistory.SHORT_ENTRIES_MAX);
        commit();
        assertThat(chunks).isEmpty();
        assertThat(tags(stored)).contains(SHORT_HISTORY);
        restart();
        assertThat(usage.write()).isEqualTo(stored);
    }

    @Test
    void anUnchangedRunGetsItsChunkWhenAChangedLimitBeginsAnother() {
        accept(5, 200);
        commit();
        restart();
        assertThat(accepts(20, usage.lastDecisionMs() + 1_000)).isTrue();
        commit();
        assertThat(chunks).hasSize(2);
        List<Boolean> uninterrupted = lateAnswers();
        restart();
        assertThat(lateAnswers()).isEqualTo(uninterrupted);
    }

    @Test
    void anUnchangedShortHistoryStaysWhenOnlyRejectionsAreCounted() {
        accept(5, 200);
        commit();
        restart();
        usage.rejected(Reason.STORAGE_LIMIT, usage.lastDecisionMs());
        commit();
        assertThat(chunks).isEmpty();
        assertThat(tags(stored)).contains(SHORT_HISTORY);
    }

    /** An older build keeps the section, which it does not know, next to its own. */
    @Test
    void theHistoryOfAnOlderBuildReplacesAShortOne() {
        accept(5, 200);
        commit();
        byte[] kept = section(stored, SHORT_HISTORY);
        accept(AcceptedHistory.SHORT_ENTRIES_MAX, 200);
        commit();
        assertThat(tags(stored)).contains(HISTORY);
        byte[] own = stored;
        ByteBuffer.wrap(kept).putLong(3, usage.acceptedCount()); // also if it says that it is right
        stored = with(own, kept);
        List<Boolean> uninterrupted = lateAnswers();
        restart();
        assertThat(lateAnswers()).isEqualTo(uninterrupted);
        assertThat(usage.write()).isEqualTo(own);
    }

    @Test
    void aShortHistoryOfABucketThatAnOlderBuildResetIsDropped() {
        accept(5, 200);
        commit();
        stored = without(stored, 3);
        restart();
        assertThat(usage.bucket.isUsed()).isFalse();
        assertThat(tags(usage.write())).doesNotContain(SHORT_HISTORY, HISTORY);
    }

    @Test
    void onlyTheNewestLevelCountsIfAnotherBuildAcceptedInBetween() {
        accept(5, 200);
        commit();
        stored[1 + 3 + Long.BYTES - 1]++; // the next sequence number
        restart();
        assertThat(usage.bucket.historyEntries()).isZero();
        assertThat(usage.isBeyondHistory(usage.lastDecisionMs() - 1)).isTrue();
        assertThat(usage.tokens(config(10), usage.lastDecisionMs())).isEqualTo(13);
    }

    @Test
    void aShortHistoryThatDoesNotFitItsBucketIsReported() {
        accept(5, 200);
        commit();
        byte[] damaged = stored.clone();
        damaged[damaged.length - 1]++; // tokens of the last acceptance
        assertThatIllegalStateException()
                .isThrownBy(() -> TenantUsage.read(damaged))
                .withMessageStartingWith("the history ends with level ");
        byte[] history = section(stored, SHORT_HISTORY);
        for (int length = 0; length < history.length - 3; length++) {
            ByteBuffer shorter =
                    ByteBuffer.allocate(3 + length).put(history, 0, 3 + length).putShort(1, (short) length);
            byte[] truncated = with(without(stored, SHORT_HISTORY), shorter.array());
            assertThatIllegalStateException().as("%d bytes", length).isThrownBy(() -> TenantUsage.read(truncated));
        }
    }
}
