package io.tidegate.admin;

import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.contract.NumberedKey;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/**
 * Distinguishes a gap in {@code signals-accepted} from a record that Tidegate did not write. Both show a sequence number above
 * the tenant's next one.
 *
 * <p>Admission assigns a tenant's sequence numbers in ascending order, and commits each record together with the count of
 * numbers assigned so far: the tenant's usage, in the changelog of the usage store. This decides the case of a committed record
 * above the next number:
 *
 * <ul>
 *   <li>If its number was never assigned, Tidegate did not write it. Uncommitted usage counts as well: it is an upper bound.
 *   <li>If its number was assigned, and the next number comes later in the topic, the record is out of order: Tidegate did not
 *       write it.
 *   <li>If its number was assigned, and the next number does not come, records are missing: a gap.
 * </ul>
 *
 * If the changelog has no usage at all, nothing can be concluded, and every such record counts as a gap. Thread-safe.
 */
final class AssignedNumbers {
    /** The time within which a committing transaction is decided on all its partitions. */
    private static final Duration DECIDED_WITHIN = Duration.ofSeconds(10);

    private static final long PAUSE_NANOS = 50_000_000;

    /** Tenants whose last bound is cached, so that many foreign records do not cost a read each. */
    private static final int TENANTS_MAX = 1_000;

    private static final long NO_USAGE = -1;

    private final Settings settings;

    /**
     * An upper bound of a tenant's assigned sequence numbers.
     *
     * @param assigned at most this many numbers were assigned
     * @param below the bound holds for records of {@code signals-accepted} below this offset
     */
    private record Bound(long assigned, long below) {}

    private final Map<TenantId, Bound> bounds =
            Collections.synchronizedMap(new LinkedHashMap<TenantId, Bound>(16, 0.75f, true) {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<TenantId, Bound> eldest) {
                    return size() > TENANTS_MAX;
                }
            });

    AssignedNumbers(Settings settings) {
        this.settings = settings;
    }

    /** @throws AdminException if this cannot be determined now; a later attempt may succeed */
    boolean isGap(TopicPartition accepted, TenantId tenant, long nextSeq, long seq, long offset) {
        Bound known = bounds.get(tenant);
        if (known != null && offset < known.below && seq >= known.assigned) {
            return false;
        }
        long deadline = System.nanoTime() + DECIDED_WITHIN.toNanos();
        do {
            long committed = assigned(accepted.partition(), tenant, IsolationLevel.READ_COMMITTED);
            if (committed == NO_USAGE) {
                return true;
            }
            if (seq < committed) {
                return !comesLater(accepted, tenant, nextSeq, offset);
            }
            // All transactions below this offset are decided, so the numbers that they assigned are in the changelog.
            long below = committedEnd(accepted);
            long atMost = assigned(accepted.partition(), tenant, IsolationLevel.READ_UNCOMMITTED);
            if (offset < below) {
                bounds.put(tenant, new Bound(atMost, below));
            }
            if (seq >= atMost) {
                return false;
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        } while (System.nanoTime() < deadline);
        throw new AdminException(
                "whether Tidegate assigned the sequence number %d of tenant %s could not be determined within %d s: a transaction on %s is still open"
                        .formatted(seq, tenant, DECIDED_WITHIN.toSeconds(), changelog(accepted.partition())));
    }

    private long committedEnd(TopicPartition accepted) {
        try (TopicReader reader = TopicReader.at(settings, accepted, 0, IsolationLevel.READ_COMMITTED)) {
            return reader.ends().get(accepted);
        }
    }

    private TopicPartition changelog(int partition) {
        return new TopicPartition(TenantDirectory.usageChangelog(settings), partition);
    }

    /** Returns the count of assigned numbers in a tenant's newest usage; {@link #NO_USAGE} if no tenant has a usage. */
    private long assigned(int partition, TenantId tenant, IsolationLevel isolation) {
        TopicPartition changelog = changelog(partition);
        byte[] key = StateKeys.usage(tenant).get();
        long[] assigned = {NO_USAGE};
        try (TopicReader reader = TopicReader.at(settings, changelog, 0, isolation)) {
            reader.readToEnd(record -> {
                assigned[0] = Math.max(0, assigned[0]);
                if (record.value() != null && Arrays.equals(key, record.key())) {
                    long count = TenantUsage.read(record.value()).acceptedCount();
                    // A transaction that was aborted may have assigned more numbers than the newest usage shows.
                    assigned[0] = Math.max(assigned[0], count);
                }
            });
        } catch (MissingTopicException e) {
            return NO_USAGE;
        }
        return assigned[0];
    }

    /** Returns whether a record with this number follows in the topic, committed or not. */
    private boolean comesLater(TopicPartition accepted, TenantId tenant, long seq, long offset) {
        boolean[] found = new boolean[1];
        try (TopicReader reader = TopicReader.at(settings, accepted, offset + 1, IsolationLevel.READ_UNCOMMITTED)) {
            reader.readTo(reader.ends(), () -> !found[0], record -> {
                NumberedKey key = NumberedKey.tryParse(record.key());
                found[0] |= key != null
                        && key.seq() == seq
                        && key.tenant().equals(tenant)
                        && record.value() != null
                        && SourcePosition.tryParse(TidegateHeaders.text(record.headers(), TidegateHeaders.SOURCE))
                                != null;
            });
        }
        return found[0];
    }
}
