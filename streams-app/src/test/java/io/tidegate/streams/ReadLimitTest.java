package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReadLimitTest {
    private static final long WINDOW_MS = 50_000;
    private static final long WAIT_MAX_MS = 60_000;
    private static final TopicPartition A = new TopicPartition("signals", 0);
    private static final TopicPartition B = new TopicPartition("signals", 1);
    private static final TopicPartition C = new TopicPartition("signals", 2);

    /** The outage began an hour after the epoch, and lasted an hour. */
    private static final long OUTAGE_MS = 3_600_000;

    private final ReadLimit limit = new ReadLimit(WINDOW_MS, WAIT_MAX_MS);
    private long nowMs = 2 * OUTAGE_MS;

    @BeforeEach
    void threePartitions() {
        limit.tick(nowMs);
        limit.partitions(List.of(A, B, C));
    }

    /** A partition with data that the readers have committed up to a time. */
    private void behind(TopicPartition partition, long offset, long timeMs) {
        limit.committed(partition, offset, timeMs, nowMs);
        limit.end(partition, 1_000_000, nowMs);
    }

    private void atEnd(TopicPartition partition) {
        limit.committed(partition, 10, OUTAGE_MS, nowMs);
        limit.end(partition, 10, nowMs);
    }

    private void pass(long ms) {
        for (long passed = 0; passed < ms; passed += 1_000) {
            nowMs += 1_000;
            limit.tick(nowMs);
        }
    }

    private long limitMs() {
        return limit.limitMs(nowMs);
    }

    private ReadLimit.Status status(TopicPartition partition) {
        return limit.status().stream()
                .filter(one -> one.partition().equals(partition))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void theSlowestPartitionWithDataSetsTheLimit() {
        behind(A, 10, OUTAGE_MS + 30_000);
        behind(B, 10, OUTAGE_MS + 20_000);
        atEnd(C);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 20_000 + WINDOW_MS);
        assertThat(status(B).behindMs()).isEqualTo(10_000);
    }

    @Test
    void nothingIsReadUntilEveryPartitionIsKnown() {
        assertThat(limitMs()).isEqualTo(ReadLimit.NOTHING);
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS);
        assertThat(limitMs()).isEqualTo(ReadLimit.NOTHING);
        atEnd(C);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
    }

    /** A stream thread can withhold the first record before the brokers have named all partitions. */
    @Test
    void aWithheldRecordDoesNotMakeThePartitionsKnown() {
        ReadLimit starting = new ReadLimit(WINDOW_MS, WAIT_MAX_MS);
        starting.tick(nowMs);
        starting.withheld(A, OUTAGE_MS);

        assertThat(starting.limitMs(nowMs)).isEqualTo(ReadLimit.NOTHING);
        assertThat(starting.isBehind()).isTrue();
    }

    /** Such as a partition whose next record waits for its schema. */
    @Test
    void theSlowestPartitionIsNotWaitedForLongerIfSomethingElseThanTheLimitWithholdsIt() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + 40_000);
        atEnd(C);
        limit.read(A, 10);
        limit.withheld(A, OUTAGE_MS + 1);
        limit.read(B, 10);
        limit.withheld(B, OUTAGE_MS + 60_000);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 1 + WINDOW_MS);

        pass(WAIT_MAX_MS);

        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 60_000 + WINDOW_MS);
        assertThat(status(A).ignored()).isEqualTo(ReadLimit.Ignored.STUCK);
        assertThat(status(B).ignored()).isNull();
    }

    @Test
    void aPartitionThatIsReadToItsEndIsAsFarAsTheClockWasThen() {
        atEnd(A);
        atEnd(B);
        atEnd(C);
        assertThat(limitMs()).isEqualTo(nowMs + WINDOW_MS);
        // So a process that resumes after an hour does not read a backlog before it has checked the partitions.
        long beforeMs = nowMs;
        nowMs += OUTAGE_MS;
        assertThat(limitMs()).isEqualTo(beforeMs + WINDOW_MS);
    }

    @Test
    void trafficThatIsOneCommitBehindDelaysNoPartition() {
        atEnd(A);
        atEnd(B);
        atEnd(C);
        for (int second = 1; second <= 300; second++) {
            pass(1_000);
            for (TopicPartition partition : List.of(A, B, C)) {
                limit.end(partition, 10 + 100 * second, nowMs);
                limit.committed(partition, 10 + 100 * second - 15, nowMs - 150, nowMs);
            }
            assertThat(limitMs()).isGreaterThan(nowMs);
        }
    }

    @Test
    void anEmptyPartitionWithoutACommitDelaysNoPartition() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS);
        limit.committed(C, ReadLimit.NONE, ReadLimit.NONE, nowMs);
        limit.end(C, 0, nowMs);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
    }

    @Test
    void aPartitionThatWasDeletedToItsEndDelaysNoPartition() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS);
        limit.committed(C, ReadLimit.NONE, ReadLimit.NONE, nowMs);
        limit.end(C, 500, nowMs);
        assertThat(limitMs()).isEqualTo(ReadLimit.NOTHING);
        assertThat(limit.unclear()).containsOnlyKeys(C);
        limit.firstUnread(C, ReadLimit.NONE, ReadLimit.NONE, nowMs);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
    }

    @Test
    void recordsThatAreReadButNotCommittedDoNotCount() {
        behind(A, 10, OUTAGE_MS);
        atEnd(B);
        atEnd(C);
        limitMs();
        limit.read(A, 500);
        limit.withheld(A, OUTAGE_MS + 55_000);
        assertThat(limit.isWorthACommit(A)).isTrue();
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
        limit.committed(A, 500, OUTAGE_MS + 49_000, nowMs + 1);
        assertThat(limit.isWorthACommit(A)).isFalse();
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 55_000 + WINDOW_MS);
    }

    @Test
    void onlyPartitionsThatOthersMayWaitForAreWorthAnEarlyCommit() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + WINDOW_MS / 2);
        behind(C, 10, OUTAGE_MS + WINDOW_MS / 2 + 1);
        List.of(A, B, C).forEach(partition -> limit.read(partition, 20));
        limitMs();
        assertThat(limit.isWorthACommit(A)).isTrue();
        assertThat(limit.isWorthACommit(B)).isTrue();
        assertThat(limit.isWorthACommit(C)).isFalse();
    }

    /** All tenants paused: the next record of each partition is hours after the last committed one. */
    @Test
    void aGapInAllPartitionsIsSteppedOver() {
        for (TopicPartition partition : List.of(A, B, C)) {
            behind(partition, 10, OUTAGE_MS);
        }
        limit.withheld(A, OUTAGE_MS + 1_000_000);
        limit.withheld(B, OUTAGE_MS + 1_001_000);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
        // Another instance reads C, and withholds its next record as well.
        assertThat(limit.waitsForOthers()).isTrue();
        assertThat(limit.unclear()).isEmpty();
        pass(1_000);
        assertThat(limit.unclear()).containsExactly(java.util.Map.entry(C, new ReadLimit.Committed(10, OUTAGE_MS)));
        limit.firstUnread(C, 10, OUTAGE_MS + 1_002_000, nowMs);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 1_000_000 + WINDOW_MS);
        assertThat(limit.unclear()).isEmpty();
    }

    @Test
    void anAnswerToAnEarlierRequestChangesNothing() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS);
        behind(C, 10, OUTAGE_MS);
        limit.committed(A, 20, OUTAGE_MS + 5_000, nowMs + 10);
        limit.firstUnread(A, 10, OUTAGE_MS + 900_000, nowMs + 11);
        limit.committed(A, 15, OUTAGE_MS + 1_000, nowMs + 5);
        limit.committed(B, 20, OUTAGE_MS + 6_000, nowMs + 10);
        limit.committed(C, 20, OUTAGE_MS + 7_000, nowMs + 10);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 5_000 + WINDOW_MS);
    }

    @Test
    void aPartitionThatMakesNoProgressIsIgnoredAfterTheLongestWaitAndUntilItIsWithinReach() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + 40_000);
        atEnd(C);
        limitMs();
        pass(WAIT_MAX_MS - 1_000);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
        pass(1_000);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 40_000 + WINDOW_MS);
        assertThat(status(A).ignored()).isEqualTo(ReadLimit.Ignored.STUCK);

        limit.committed(B, 12, OUTAGE_MS + 400_000, nowMs);
        limit.committed(A, 11, OUTAGE_MS + 1_000, nowMs);
        assertThat(limitMs()).as("it continues, far behind").isEqualTo(OUTAGE_MS + 400_000 + WINDOW_MS);
        limit.committed(A, 12, OUTAGE_MS + 380_000, nowMs);
        assertThat(limitMs()).as("it is within reach").isEqualTo(OUTAGE_MS + 380_000 + WINDOW_MS);
        assertThat(status(A).ignored()).isNull();
    }

    @Test
    void partitionsThatWaitForOneThatHangsStayAligned() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + 10_000);
        behind(C, 10, OUTAGE_MS + 49_000);
        limit.read(B, 10);
        limit.withheld(B, OUTAGE_MS + WINDOW_MS + 1);
        limitMs();
        pass(WAIT_MAX_MS - 1_000);
        limit.committed(A, 11, OUTAGE_MS, nowMs);
        limitMs();

        pass(WAIT_MAX_MS);

        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 49_000 + WINDOW_MS);
        assertThat(status(A).ignored()).isEqualTo(ReadLimit.Ignored.STUCK);
        assertThat(status(B).ignored()).as("its next record is withheld here").isNull();
        assertThat(status(C).ignored())
                .as("another instance withholds its next record")
                .isNull();
    }

    @Test
    void partitionsThatHangTooAreWaitedForOnlyALittleLonger() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + 49_000);
        atEnd(C);
        limitMs();
        pass(WAIT_MAX_MS);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 49_000 + WINDOW_MS);

        pass(ReadLimit.MOVES_WITHIN_MS);

        limitMs();
        assertThat(status(B).ignored()).isEqualTo(ReadLimit.Ignored.STUCK);
    }

    /** The group commits nothing beyond aborted records at the end of a partition, until a record follows. */
    @Test
    void aPartitionWhoseUnreadOffsetsHaveNoRecordsIsReadToItsEnd() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + 40_000);
        atEnd(C);
        assertThat(limit.unchecked()).isEmpty();
        pass(ReadLimit.CHECKED_AFTER_MS);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
        ReadLimit.Offsets ofA = new ReadLimit.Offsets(10, 1_000_000);
        assertThat(limit.unchecked()).containsEntry(A, ofA).containsKey(B);

        limit.checked(A, ofA, false);
        limit.checked(B, ofA, true);

        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 40_000 + WINDOW_MS);
        assertThat(limit.unchecked()).isEmpty();
        assertThat(limit.readUpTo(A, 10)).isEqualTo(1_000_000);
        assertThat(limit.readUpTo(A, 9)).as("an older offset of the group").isEqualTo(9);

        limit.end(A, 1_000_001, nowMs);
        pass(3 * ReadLimit.CHECKED_AFTER_MS);
        limit.end(A, 1_000_001, nowMs);
        pass(ReadLimit.CHECKED_AFTER_MS);
        assertThat(limit.unchecked()).as("more offsets").containsEntry(A, new ReadLimit.Offsets(1_000_000, 1_000_001));
        limit.committed(A, 11, OUTAGE_MS, nowMs);
        assertThat(limit.readUpTo(A, 11)).isEqualTo(11);
    }

    @Test
    void aPartitionWithoutALeaderIsIgnoredSooner() {
        behind(A, 10, OUTAGE_MS);
        behind(B, 10, OUTAGE_MS + 40_000);
        atEnd(C);
        limit.unavailable(A);
        pass(ReadLimit.UNAVAILABLE_MAX_MS - 1_000);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
        pass(1_000);
        limitMs();
        assertThat(status(A).ignored()).isEqualTo(ReadLimit.Ignored.UNAVAILABLE);
        limit.end(A, 1_000_000, nowMs);
        assertThat(limitMs()).as("it is back, within reach").isEqualTo(OUTAGE_MS + WINDOW_MS);
    }

    @Test
    void aPauseOfThisProcessIsNoStandstillOfTheOthers() {
        behind(A, 10, OUTAGE_MS);
        atEnd(B);
        atEnd(C);
        nowMs += OUTAGE_MS;
        limit.tick(nowMs);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + WINDOW_MS);
    }

    /** The last entry of the partition is a transaction's marker, so the group never commits beyond it. */
    @Test
    void aMarkerAfterTheLastRecordDelaysNoPartitionForLong() {
        behind(A, 10, OUTAGE_MS + 400_000);
        atEnd(B);
        limit.committed(C, 10, OUTAGE_MS, nowMs);
        limit.end(C, 11, nowMs);
        limit.withheld(A, OUTAGE_MS + 460_000);
        limitMs();
        pass(ReadLimit.NOTHING_NEWER_MAX_MS);
        assertThat(limit.unclear()).containsOnlyKeys(C);
        limit.firstUnread(C, 10, ReadLimit.NONE, nowMs);
        assertThat(limitMs()).isEqualTo(OUTAGE_MS + 460_000 + WINDOW_MS);
    }

    @Test
    void aTimeInTheFutureIsTakenForNow() {
        behind(A, 10, nowMs + OUTAGE_MS);
        atEnd(B);
        atEnd(C);
        assertThat(limitMs()).isEqualTo(nowMs + WINDOW_MS);
    }

    @Test
    void withoutAnyAnswerReadingBeginsAfterTheLongestWait() {
        ReadLimit blind = new ReadLimit(WINDOW_MS, WAIT_MAX_MS);
        blind.tick(nowMs);
        assertThat(blind.limitMs(nowMs)).isEqualTo(ReadLimit.NOTHING);
        for (int second = 0; second < 60; second++) {
            nowMs += 1_000;
            blind.tick(nowMs);
        }
        assertThat(blind.limitMs(nowMs)).isEqualTo(ReadLimit.EVERYTHING);
    }
}
