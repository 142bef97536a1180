package io.tidegate.streams;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The record time up to which the partitions of {@code signals} may be read: the time of the slowest partition with
 * data, plus a window.
 *
 * <p>The time of a partition is a lower bound for the time of every record that its readers have not
 * <em>committed</em>. So a limit computed from old observations is too low, never too high: a delayed observation costs
 * speed, and never lets the skew exceed the window. The same holds after a crash, which takes a reader back to its
 * committed offset.
 *
 * <pre>
 *
 *   partition                     its time
 *   read to its end               the time at which that end was observed: later records are newer
 *   its next record is withheld   the time of that record, if everything before it is committed
 *   otherwise                     the committed time, or that of the first unread record if it was looked up
 * </pre>
 *
 * <p>The signals of a <em>derived</em> partition were read in the others, and both are read by the same tasks. A record
 * that is written to it later has an old time: it is as new as the uncommitted records of the others. Its records
 * deviate from the order of time by as much as the others are read apart, which is then half a window.
 *
 * <pre>
 *   derived partition             its time
 *   read to its end               the time of the slowest of the others when that end was requested
 *   its next record is withheld   the time of that record, less half a window, if everything before it is committed
 *   otherwise                     the committed time, less half a window
 * </pre>
 *
 * <p>So no partition is read more than a window ahead of an unread signal in a derived partition.
 *
 * <p>Partitions that do not progress, although they may be read, are waited for {@code waitMaxMs} at most, and partitions
 * whose end no broker knows for {@value #UNAVAILABLE_MAX_MS} ms at most. Then they are ignored until they are within the
 * window again: the others have passed them, and stopping the others would not help.
 *
 * <p>Pure: time is passed in. Not thread-safe.
 */
final class ReadLimit {
    /** Nothing may be read: the time of some partition is unknown. */
    static final long NOTHING = Long.MIN_VALUE;

    /** No partition must be waited for. */
    static final long EVERYTHING = Long.MAX_VALUE;

    /** No offset, or no time. */
    static final long NONE = -1;

    /** Longer than the brokers take to elect another leader. */
    static final long UNAVAILABLE_MAX_MS = 15_000;

    /**
     * How long unread records may all be as old as the last committed one: these are usually markers of transactions.
     */
    static final long NOTHING_NEWER_MAX_MS = 5_000;

    /** How long a partition that waited itself has at least until it counts as stuck, once it may be read. */
    static final long MOVES_WITHIN_MS = 15_000;

    /** How long a partition must make no progress before its unread offsets are checked for records. */
    static final long CHECKED_AFTER_MS = 1_000;

    /** A partition is not behind if its readers have reached its end as of this long ago. */
    private static final long HEAD_MS = 1_000;

    /** How long a partition must make no progress before a request for its first unread record is worthwhile. */
    private static final long LOOK_UP_AFTER_MS = 100;

    /** The maximum time that one tick counts: a pause of this process does not mean that the others stand still. */
    private static final long TICK_MAX_MS = 2_000;

    /** The reason why a partition with data is not waited for. */
    enum Ignored {
        /** No commit within the maximum wait. */
        STUCK,
        /** No broker knows its end. */
        UNAVAILABLE
    }

    /**
     * The known state of a partition.
     *
     * @param timeMs its time; {@link #NONE} if it is unknown
     * @param behindMs how much newer the newest committed record of any partition is
     */
    record Status(
            TopicPartition partition,
            long timeMs,
            long behindMs,
            @Nullable Ignored ignored) {}

    private final long windowMs;
    private final long othersWindowMs;
    private final Predicate<TopicPartition> isDerived;
    private final long waitMaxMs;
    private final Map<TopicPartition, Partition> partitions = new LinkedHashMap<>();

    /** Whether {@link #partitions} are all that exist, and not only those that were read here. */
    private boolean known;

    private long lastTickMs = NONE;
    private long unknownForMs;
    private @Nullable Partition slowest;
    private long frontMs = NONE;

    ReadLimit(long windowMs, long waitMaxMs) {
        this(windowMs, waitMaxMs, null);
    }

    /** @param isDerived decides which partitions are derived; null if none is */
    ReadLimit(long windowMs, long waitMaxMs, @Nullable Predicate<TopicPartition> isDerived) {
        this.windowMs = windowMs;
        othersWindowMs = isDerived == null ? windowMs : windowMs / 2;
        this.isDerived = isDerived == null ? partition -> false : isDerived;
        this.waitMaxMs = waitMaxMs;
    }

    /** Sets the existing partitions. */
    void partitions(Collection<TopicPartition> all) {
        known = true;
        partitions.keySet().retainAll(all);
        all.forEach(this::partition);
    }

    Collection<TopicPartition> partitions() {
        return partitions.keySet();
    }

    /**
     * Sets the group's committed offset.
     *
     * @param offset the offset of the next record; {@link #NONE} if nothing was ever committed
     * @param timeMs the time of the newest record before it; {@link #NONE} if it is unknown
     * @param askedMs the time of this observation or its request; older observations are ignored
     */
    void committed(TopicPartition id, long offset, long timeMs, long askedMs) {
        Partition partition = partitions.get(id);
        if (partition == null || (partition.committedKnown && askedMs < partition.committedAskedMs)) {
            return;
        }
        if (partition.committed != offset || !partition.committedKnown) {
            partition.waitedMs = 0;
            partition.unread = null;
            partition.emptyTo = NONE;
            partition.hasRecords = false;
        }
        partition.committedKnown = true;
        partition.committed = offset;
        partition.committedMs = timeMs;
        partition.committedAskedMs = askedMs;
    }

    /** Sets the end of a partition that is not derived, as of the request. */
    void end(TopicPartition id, long offset, long askedMs) {
        end(id, offset, askedMs, askedMs);
    }

    /**
     * Returns the time of the slowest partition that is not derived, as far as it is known: no uncommitted record there
     * is older. {@link #NONE} if the time of some partition is unknown.
     */
    long othersMs(long nowMs) {
        long leastMs = nowMs;
        for (Partition partition : partitions.values()) {
            if (!partition.derived) {
                partition.update(nowMs);
                if (partition.ignored == null) {
                    leastMs = Math.min(leastMs, partition.timeMs);
                }
            }
        }
        return leastMs;
    }

    /**
     * Sets the end of a partition, as of the request.
     *
     * @param othersMs {@link #othersMs} before the request
     */
    void end(TopicPartition id, long offset, long askedMs, long othersMs) {
        Partition partition = partitions.get(id);
        if (partition == null) {
            return;
        }
        partition.unavailable = false;
        partition.unavailableForMs = 0;
        End end = new End(offset, askedMs, partition.derived ? othersMs : askedMs);
        if (partition.end == null || partition.olderEnd == null) {
            partition.olderEnd = end;
        } else if (askedMs - partition.olderEnd.askedMs() >= 2 * HEAD_MS) {
            partition.olderEnd = partition.end;
        }
        partition.end = end;
    }

    /** Notes that no broker could return the end of a partition. */
    void unavailable(TopicPartition id) {
        Partition partition = partitions.get(id);
        if (partition != null) {
            partition.unavailable = true;
        }
    }

    /**
     * Sets the first record that is newer than the committed ones.
     *
     * @param committed the committed offset at the time of the request
     * @param timeMs the time of that record; {@link #NONE} if there is none
     */
    void firstUnread(TopicPartition id, long committed, long timeMs, long askedMs) {
        firstUnread(id, committed, timeMs, askedMs, askedMs);
    }

    /** @param othersMs {@link #othersMs} before the request */
    void firstUnread(TopicPartition id, long committed, long timeMs, long askedMs, long othersMs) {
        Partition partition = partitions.get(id);
        if (partition == null || !partition.committedKnown || partition.committed != committed) {
            return;
        }
        partition.unread = new Unread(timeMs, askedMs);
        if (timeMs == NONE && (committed == NONE || partition.waitedMs >= NOTHING_NEWER_MAX_MS)) {
            partition.lastAtEndMs = Math.max(partition.lastAtEndMs, partition.derived ? othersMs : askedMs);
        }
    }

    /** A range of offsets; the end is exclusive. */
    record Offsets(long from, long to) {}

    /**
     * Returns the unread offsets of partitions that make no progress. They may belong to markers and aborted records only, beyond
     * which no reader commits, unless it reads a record there.
     */
    Map<TopicPartition, Offsets> unchecked() {
        Map<TopicPartition, Offsets> unchecked = new LinkedHashMap<>();
        for (Partition partition : partitions.values()) {
            if (partition.committedKnown
                    && partition.end != null
                    && partition.endReached() == null
                    && partition.withheldMs == NONE
                    && partition.read <= partition.committed
                    && partition.waitedMs >= CHECKED_AFTER_MS
                    && !partition.hasRecords) {
                unchecked.put(partition.id, new Offsets(partition.next(), partition.end.offset()));
            }
        }
        return unchecked;
    }

    /** Notes whether offsets of {@link #unchecked} have committed records. */
    void checked(TopicPartition id, Offsets offsets, boolean haveRecords) {
        Partition partition = partitions.get(id);
        if (partition == null || !partition.committedKnown || partition.next() != offsets.from()) {
            return;
        }
        partition.hasRecords = haveRecords;
        if (!haveRecords) {
            partition.emptyTo = offsets.to();
        }
    }

    /** Returns the offset up to which a partition has no unread record, given the group's committed offset. */
    long readUpTo(TopicPartition id, long committed) {
        Partition partition = partitions.get(id);
        return partition == null || Math.max(partition.committed, 0) > committed
                ? committed
                : Math.max(committed, partition.emptyTo);
    }

    /** Notes that a partition's records were read here up to an offset. They are not committed yet. */
    void read(TopicPartition id, long nextOffset) {
        partition(id).read = nextOffset;
    }

    /** Notes that the next record of a partition that is read here is withheld; {@link #NONE} if no record is. */
    void withheld(TopicPartition id, long timeMs) {
        partition(id).withheldMs = timeMs;
    }

    /** Notes that a partition is no longer read here. */
    void left(TopicPartition id) {
        Partition partition = partition(id);
        partition.withheldMs = NONE;
        partition.read = NONE;
    }

    /**
     * Whether committing the records read here lets other partitions continue. A partition in the upper half of the
     * window waits for others itself: its next regular commit is soon enough, and each commit has a cost.
     */
    boolean isWorthACommit(TopicPartition id) {
        Partition partition = partitions.get(id);
        return partition != null
                && partition.read > partition.committed
                && (slowest == null || partition.timeMs <= slowest.timeMs + slowest.windowMs() / 2);
    }

    /** Advances the time. Must be called about once a second or more often. */
    void tick(long nowMs) {
        long passedMs = lastTickMs == NONE ? 0 : Math.max(0, Math.min(TICK_MAX_MS, nowMs - lastTickMs));
        lastTickMs = nowMs;
        unknownForMs = known ? 0 : unknownForMs + passedMs;
        for (Partition partition : partitions.values()) {
            partition.waited(passedMs);
            partition.unavailableForMs += partition.unavailable ? passedMs : 0;
        }
    }

    /** Returns the record time up to which all partitions may be read. */
    long limitMs(long nowMs) {
        slowest = null;
        if (!known) {
            return unknownForMs < waitMaxMs ? NOTHING : EVERYTHING;
        }
        frontMs = NONE;
        for (Partition partition : partitions.values()) {
            frontMs = Math.max(frontMs, Math.min(partition.committedMs, nowMs));
        }
        long leastMs = EVERYTHING;
        for (Partition partition : partitions.values()) {
            partition.update(nowMs);
            if (partition.ignored == null && (slowest == null || partition.limitMs() < leastMs)) {
                leastMs = partition.limitMs();
                slowest = partition;
            }
        }
        return slowest == null ? EVERYTHING : leastMs;
    }

    /** Whether records are withheld here because of a partition that another instance reads. */
    boolean waitsForOthers() {
        return slowest != null && slowest.withheldMs == NONE && slowest.read == NONE && newestWithheldMs() != NONE;
    }

    /** Whether some partition with data is behind. */
    boolean isBehind() {
        return !known || partitions.values().stream().anyMatch(partition -> partition.endReached() == null);
    }

    /**
     * Returns the partitions whose first unread record must be looked up, because others wait for them, with their
     * committed offsets and the times that the record is newer than.
     */
    Map<TopicPartition, Committed> unclear() {
        long neededMs = newestWithheldMs();
        Map<TopicPartition, Committed> unclear = new LinkedHashMap<>();
        for (Partition partition : partitions.values()) {
            boolean isClear = !partition.committedKnown
                    || partition.ignored != null
                    || partition.endReached() != null
                    || partition.nextIsWithheld()
                    || partition.isLookedUp();
            boolean matters = partition.timeMs == NONE
                    || (partition.waitedMs >= LOOK_UP_AFTER_MS
                            && neededMs != NONE
                            && neededMs > partition.timeMs + partition.windowMs());
            if (!isClear && matters) {
                unclear.put(partition.id, new Committed(partition.committed, partition.committedMs));
            }
        }
        return unclear;
    }

    /** The group's committed offset in a partition and its time; both {@link #NONE} at first. */
    record Committed(long offset, long timeMs) {}

    long withheldCount() {
        return partitions.values().stream()
                .filter(partition -> partition.withheldMs != NONE)
                .count();
    }

    /** Returns the states as of the last {@link #limitMs}. */
    List<Status> status() {
        List<Status> all = new ArrayList<>();
        for (Partition partition : partitions.values()) {
            long behindMs = partition.timeMs == NONE ? 0 : Math.max(0, frontMs - partition.timeMs);
            all.add(new Status(partition.id, partition.timeMs, behindMs, partition.ignored));
        }
        return all;
    }

    private long newestWithheldMs() {
        return partitions.values().stream()
                .mapToLong(partition -> partition.withheldMs)
                .max()
                .orElse(NONE);
    }

    private Partition partition(TopicPartition id) {
        return partitions.computeIfAbsent(id, Partition::new);
    }

    /** @param timeMs no record after this end is older */
    private record End(long offset, long askedMs, long timeMs) {}

    private record Unread(long timeMs, long askedMs) {}

    private final class Partition {
        private final TopicPartition id;
        private final boolean derived;
        private boolean committedKnown;
        private long committed = NONE;
        private long committedMs = NONE;
        private long committedAskedMs;
        private @Nullable End end;
        /** Observed at least {@link #HEAD_MS} before {@link #end}, except at first. */
        private @Nullable End olderEnd;

        private boolean unavailable;
        private long unavailableForMs;
        private @Nullable Unread unread;
        private long read = NONE;
        private long withheldMs = NONE;
        private long waitedMs;

        /** The end of the unread offsets that are known to have no records; NONE if none are. */
        private long emptyTo = NONE;

        /** Whether the unread offsets are known to have records. */
        private boolean hasRecords;

        private long lastAtEndMs = NONE;

        // Results of the last update.
        private long timeMs = NONE;
        private @Nullable Ignored ignored;

        Partition(TopicPartition id) {
            this.id = id;
            derived = isDerived.test(id);
        }

        long windowMs() {
            return derived ? windowMs : othersWindowMs;
        }

        /** Returns the time up to which others may be read because of this partition. */
        long limitMs() {
            return timeMs == NONE ? NOTHING : timeMs + windowMs();
        }

        void update(long nowMs) {
            End reached = endReached();
            if (reached != null) {
                lastAtEndMs = Math.max(lastAtEndMs, reached.timeMs());
            }
            timeMs = Math.max(lastAtEndMs, lowerBound(Math.min(committedMs, nowMs)));
            if (reached == null && nextIsWithheld()) {
                timeMs = Math.max(timeMs, lowerBound(withheldMs));
            } else if (reached == null && !derived && isLookedUp() && unread != null) {
                timeMs = Math.max(timeMs, unread.timeMs());
            }
            ignored = ignored(reached != null);
        }

        /**
         * Returns a time that no unread record is older than, given the time of the last read record or of the next
         * one.
         */
        private long lowerBound(long recordMs) {
            return derived && recordMs != NONE ? Math.max(0, recordMs - othersWindowMs) : recordMs;
        }

        private @Nullable Ignored ignored(boolean atEnd) {
            if (unavailableForMs >= Math.min(UNAVAILABLE_MAX_MS, waitMaxMs)) {
                return Ignored.UNAVAILABLE;
            }
            if (atEnd) {
                return null;
            }
            if (waitedMs >= waitMaxMs) {
                return Ignored.STUCK;
            }
            boolean hasBeenPassed = timeMs == NONE || frontMs > timeMs + windowMs();
            return ignored != null && hasBeenPassed ? ignored : null;
        }

        /** Returns the last observed end that the group has reached; null if it has reached none. */
        @Nullable
        End endReached() {
            if (!committedKnown || end == null || olderEnd == null) {
                return null;
            }
            long next = next();
            if (next >= end.offset()) {
                return end;
            }
            return next >= olderEnd.offset() ? olderEnd : null;
        }

        /** Returns the first offset that may have an unread record. */
        long next() {
            return Math.max(Math.max(committed, 0), emptyTo);
        }

        boolean nextIsWithheld() {
            return withheldMs != NONE && read <= committed;
        }

        /**
         * Whether this limit, and not its reader, may keep the partition from progress. Otherwise, all partitions would count
         * as stuck together with the one that they wait for, and be read without any limit. Records that another instance
         * withholds are not known, but they are close to the limit.
         */
        boolean waitsItself() {
            if (nextIsWithheld()) {
                return slowest != this; // the limit is above its next record, so something else withholds it
            }
            return read == NONE
                    && slowest != null
                    && slowest != this
                    && committedMs >= slowest.limitMs() - othersWindowMs / 4;
        }

        private void waited(long passedMs) {
            long most = waitsItself() ? Math.max(waitedMs, waitMaxMs - MOVES_WITHIN_MS) : Long.MAX_VALUE;
            waitedMs = endReached() == null ? Math.min(most, waitedMs + passedMs) : 0;
        }

        /** Whether the first unread record is known. The observation that there is none expires after a moment. */
        boolean isLookedUp() {
            return unread != null && (unread.timeMs() != NONE || lastTickMs - unread.askedMs() < HEAD_MS);
        }
    }
}
