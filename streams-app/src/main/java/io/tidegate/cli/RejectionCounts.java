package io.tidegate.cli;

import io.tidegate.tenant.TenantId;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Counts rejections and dead letters by tenant and reason. Bounded: producers can send for any tenant, so beyond {@link
 * #GROUPS_MAX} groups, the rest counts as one. Not thread-safe.
 */
final class RejectionCounts {
    static final int GROUPS_MAX = 100_000;

    /** The reason of the records beyond the bound. */
    static final String OTHERS = "others";

    private static final int REASON_CHARS_MAX = 100;

    /**
     * The records of one tenant and reason.
     *
     * @param tenant null if the records name none
     * @param firstMs the earliest time of a record
     * @param lastMs the latest time of a record
     */
    record Group(@Nullable TenantId tenant, String reason, long count, long firstMs, long lastMs) {
        private static final Comparator<Group> MOST_FIRST = Comparator.comparingLong(Group::count)
                .reversed()
                .thenComparing(Group::tenant, Comparator.nullsLast(Comparator.naturalOrder()))
                .thenComparing(Group::reason);

        private Group with(long timeMs) {
            return new Group(tenant, reason, count + 1, Math.min(firstMs, timeMs), Math.max(lastMs, timeMs));
        }
    }

    private record Key(@Nullable TenantId tenant, String reason) {}

    private final int groupsMax;
    private final Map<Key, Group> groups = new HashMap<>();

    RejectionCounts() {
        this(GROUPS_MAX);
    }

    RejectionCounts(int groupsMax) {
        this.groupsMax = groupsMax;
    }

    /** @param reason null or too long if Tidegate did not write the record */
    void add(@Nullable TenantId tenant, @Nullable String reason, long timeMs) {
        boolean isKnown = reason != null && reason.length() <= REASON_CHARS_MAX;
        Key key = new Key(tenant, isKnown ? reason : OTHERS);
        if (groups.size() >= groupsMax && !groups.containsKey(key)) {
            key = new Key(null, OTHERS);
        }
        Group before = groups.getOrDefault(key, new Group(key.tenant(), key.reason(), 0, timeMs, timeMs));
        groups.put(key, before.with(timeMs));
    }

    /** Returns the groups, the largest first. */
    List<Group> mostFirst() {
        return groups.values().stream().sorted(Group.MOST_FIRST).toList();
    }
}
