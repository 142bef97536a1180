package io.tidegate.tools;

import io.tidegate.tenant.TenantId;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The outcomes, actual or planned, of the rejections that a replay covers.
 *
 * @param ending why it ended
 * @param groups the rejections by tenant and reason
 * @param ends the offsets in {@code quota-exceeded}, exclusive, by partition, up to which it covers rejections
 * @param seconds how long sending takes at its pace
 */
public record ReplayReport(Ending ending, SortedMap<Group, Counts> groups, Map<Integer, Long> ends, long seconds) {
    /** Stands for a tenant or a reason that a record does not name. */
    static final String UNKNOWN = "?";

    /** The group of all tenants beyond {@link #GROUPS_MAX}. */
    static final String OTHERS = "_other";

    /** Groups that are counted individually. */
    static final int GROUPS_MAX = 1_000;

    /** The longest reason that Tidegate writes; a longer one comes from another program. */
    private static final int REASON_CHARS_MAX = 40;

    /** The outcome of one rejection. */
    public enum Outcome {
        /** Sent again. */
        REPLAYED,
        /** Skipped: an earlier replay sent it. */
        DONE,
        /** Skipped: it was sent as often as allowed. */
        GIVEN_UP,
        /** Skipped: it would be rejected again. */
        HOPELESS,
        /** Skipped: it did not come from an ingress topic of this application. */
        FOREIGN;

        /** Returns the id, such as {@code given_up}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why a run ended. Its sent signals stay sent, and the next run continues after them. */
    public enum Ending {
        /** All covered rejections were examined. */
        COMPLETE,
        /** The time ran out first. */
        TIME_OVER,
        /** Another run fenced this one, or the brokers aborted its transaction because it was open for too long. */
        TAKEN_OVER;

        /** Returns the id, such as {@code complete}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * A tenant and a reason of rejection.
     *
     * @param tenant in decimal, {@value #UNKNOWN} or {@value #OTHERS}
     */
    public record Group(String tenant, String reason) implements Comparable<Group> {
        private static final Comparator<Group> ORDER =
                Comparator.comparing(Group::tenant).thenComparing(Group::reason);

        @Override
        public int compareTo(Group other) {
            return ORDER.compare(this, other);
        }
    }

    /** The number of a group's rejections by outcome. */
    public static final class Counts {
        private final Map<Outcome, Long> outcomes = new EnumMap<>(Outcome.class);
        private final SortedMap<String, Long> stillRejected = new TreeMap<>();
        private long rate = -1;

        public long of(Outcome outcome) {
            return outcomes.getOrDefault(outcome, 0L);
        }

        /** Returns the {@link Outcome#HOPELESS} rejections by the reason for which they would be rejected now. */
        public SortedMap<String, Long> stillRejected() {
            return Collections.unmodifiableSortedMap(stillRejected);
        }
    }

    public long count(Outcome outcome) {
        return groups.values().stream().mapToLong(counts -> counts.of(outcome)).sum();
    }

    /** Counts during a replay. Bounded; not thread-safe. */
    static final class Builder {
        private final SortedMap<Group, Counts> groups = new TreeMap<>();

        void add(@Nullable TenantId tenant, String reason, Outcome outcome) {
            of(tenant, reason).outcomes.merge(outcome, 1L, Long::sum);
        }

        /** @param rate the tenant's rate; negative if it has none */
        void replayed(TenantId tenant, String reason, long rate) {
            Counts counts = of(tenant, reason);
            counts.rate = rate;
            counts.outcomes.merge(Outcome.REPLAYED, 1L, Long::sum);
        }

        void hopeless(@Nullable TenantId tenant, String reason, String stillRejected) {
            Counts counts = of(tenant, reason);
            counts.outcomes.merge(Outcome.HOPELESS, 1L, Long::sum);
            counts.stillRejected.merge(stillRejected, 1L, Long::sum);
        }

        private Counts of(@Nullable TenantId tenant, String reason) {
            String known = reason.length() > REASON_CHARS_MAX ? UNKNOWN : reason;
            Group group = new Group(tenant == null ? UNKNOWN : tenant.decimal(), known);
            Counts counts = groups.get(group);
            if (counts == null) {
                Group counted = groups.size() < GROUPS_MAX ? group : new Group(OTHERS, UNKNOWN);
                counts = groups.computeIfAbsent(counted, key -> new Counts());
            }
            return counts;
        }

        ReplayReport report(Ending ending, Map<TopicPartition, Long> ends, long pacePerSec) {
            Map<Integer, Long> byPartition = new TreeMap<>();
            ends.forEach((partition, end) -> byPartition.put(partition.partition(), end));
            return new ReplayReport(
                    ending, Collections.unmodifiableSortedMap(groups), byPartition, seconds(pacePerSec));
        }

        private long seconds(long pacePerSec) {
            long all = 0;
            long longest = 0;
            Map<String, Long> ofTenant = new HashMap<>();
            for (Map.Entry<Group, Counts> entry : groups.entrySet()) {
                long count = entry.getValue().of(Outcome.REPLAYED);
                all += count;
                if (entry.getValue().rate > 0) {
                    long sum = ofTenant.merge(entry.getKey().tenant(), count, Long::sum);
                    longest = Math.max(longest, sum / ReplayPace.ofTenant(entry.getValue().rate));
                }
            }
            return Math.max(longest, all / pacePerSec);
        }
    }
}
