package io.tidegate.tools;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Judges the signals of a tenant by limits that are not in force, and counts the rejections of a time range. Not thread-safe.
 *
 * <p>With an {@code entity_idle_ttl}, the entities that counted at the begin of the range are those of the signals before it, of
 * that length: the stored ages are those of the newest signals, at which nearly all others may have expired. So these signals
 * are judged too, without limits of periods, and not counted.
 */
final class Trial {
    private final TenantConfig limits;
    private final TenantConfig limitsBefore;
    private final TenantUsage usage;
    private final Admission admission;
    private final long fromMs;
    private final long firstNeededMs;
    private final Map<Reason, Long> rejected = new EnumMap<>(Reason.class);
    private long signals;
    private long firstMs = -1;

    /**
     * @param proposed the limits; enforced, whatever their mode
     * @param stored the usage of the last commit, for a trial; may be changed
     * @param fromMs the begin of the range
     */
    Trial(TenantConfig proposed, TenantUsage stored, Admission admission, long fromMs) {
        limits = proposed.toBuilder().mode(Mode.ENFORCE).build();
        limitsBefore = limits.toBuilder().periods(List.of()).build();
        usage = isIdleLimited(proposed) ? stored.forTrialWithoutEntities() : stored;
        usage.clearPeriods();
        this.admission = admission;
        this.fromMs = fromMs;
        Duration idleTtl = proposed.entityIdleTtl();
        firstNeededMs = idleTtl == null ? fromMs : Math.max(0, fromMs - idleTtl.toMillis());
    }

    /** Whether entities stop counting. */
    static boolean isIdleLimited(TenantConfig proposed) {
        return proposed.entityIdleTtl() != null;
    }

    /** Returns the time of the first signal that the trial needs. */
    long firstNeededMs() {
        return firstNeededMs;
    }

    void judge(Signal signal, int valueBytes, long atMs) {
        if (atMs < firstNeededMs) {
            return;
        }
        boolean counts = atMs >= fromMs;
        var decision = admission.admit(counts ? limits : limitsBefore, usage, signal, valueBytes, atMs);
        if (counts) {
            signals++;
            firstMs = firstMs < 0 ? atMs : Math.min(firstMs, atMs);
            if (decision instanceof Rejected one) {
                rejected.merge(one.quota().reason(), 1L, Long::sum);
            }
        }
    }

    DryRun.Report report() {
        return new DryRun.Report(signals, rejected, firstMs);
    }
}
