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
 * What a replay did with the rejections that it covers, or would do.
 *
 * @param ending why it ended
 * @param groups the rejections by tenant and reason
 * @param ends the offsets in {@code quota-exceeded} up to which it covers them, exclusive, by partition
 * @param seconds how long the sending takes at its pace
 */
public record ReplayReport(Ending ending, SortedMap<Group, Counts> groups, Map<Integer, Long> ends, long seconds) {
    /** Stands for a tenant or a reason that a record does not name. */
    static final String UNKNOWN = "?";

    /** Stands for the tenants beyond {@link #GROUPS_MAX}. */
    static final String OTHERS = "_other";

    /** Groups that are counted one by one. */
    static final int GROUPS_MAX = 1_000;

    /** A longer reason was not written by Tidegate. */
    private static final int REASON_CHARS_MAX = 40;

    /** What becomes of a rejection. */
    public enum Outcome {
        /** It is sent again. */
        REPLAYED,
        /** It was sent again before. */
        DONE,
        /** It was sent again as often as is allowed. */
        GIVEN_UP,
        /** It is skipped, because it would be rejected again. */
        HOPELESS,
        /** It did not come from an ingress topic of this application. */
        FOREIGN;

        /** Such as {@code given_up}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why a run ended. What it sent stays sent; the next one continues there. */
    public enum Ending {
        /** All rejections that it covers were looked at. */
        COMPLETE,
        /** Its time was over before that. */
        TIME_OVER,
        /** Another run began. */
        TAKEN_OVER;

        /** Such as {@code complete}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Whose rejections, and for which reason they were rejected.
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

    /** How many rejections of a group have which outcome. */
    public static final class Counts {
        private final Map<Outcome, Long> outcomes = new EnumMap<>(Outcome.class);
        private final SortedMap<String, Long> stillRejected = new TreeMap<>();
        private long rate = -1;

        public long of(Outcome outcome) {
            return outcomes.getOrDefault(outcome, 0L);
        }

        /** The {@link Outcome#HOPELESS} ones by the reason for which they would be rejected now. */
        public SortedMap<String, Long> stillRejected() {
            return Collections.unmodifiableSortedMap(stillRejected);
        }
    }

    public long count(Outcome outcome) {
        return groups.values().stream().mapToLong(counts -> counts.of(outcome)).sum();
    }

    /** Counts while a replay runs. Bounded; not thread-safe. */
    static final class Builder {
        private final SortedMap<Group, Counts> groups = new TreeMap<>();

        void add(@Nullable TenantId tenant, String reason, Outcome outcome) {
            of(tenant, reason).outcomes.merge(outcome, 1L, Long::sum);
        }

        /** @param rate the tenant's; negative if it has none */
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
