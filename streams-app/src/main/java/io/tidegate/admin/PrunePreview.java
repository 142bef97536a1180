package io.tidegate.admin;

import io.tidegate.admission.ChargedSegment;
import io.tidegate.admission.OpenSegment;
import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantCommand;
import io.tidegate.streams.KafkaInternals;
import io.tidegate.tenant.TenantId;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The segments that a {@link TenantCommand.PruneWal} would remove, as of the last commit. Read from the state that decides, not
 * from {@code wal-segments}: a full segment is reported there only when the next one begins.
 *
 * @param segments their number, with the open one if all its records are removed
 * @param bytes their total size
 * @param belowSeq the first sequence number that stays; at most the next one of the tenant
 */
public record PrunePreview(int segments, long bytes, long belowSeq) {
    /**
     * Returns the preview; sends nothing.
     *
     * @throws AdminException if the brokers do not answer, or another application decides the signals
     */
    public static PrunePreview of(Settings settings, TenantId tenant, long belowSeq) {
        TenantUsage usage = usage(settings, tenant);
        if (usage == null) {
            return new PrunePreview(0, 0, 0);
        }
        Map<Long, byte[]> sealed = TopicReader.table(
                settings,
                KafkaInternals.changelog(settings.applicationId(), StateKeys.SEGMENTS),
                record -> StateKeys.tenantOf(record.key()).equals(tenant) ? StateKeys.firstSeqOf(record.key()) : null,
                record -> record.value());
        long below = Math.min(belowSeq, usage.acceptedCount());
        int segments = 0;
        long bytes = 0;
        for (byte[] value : sealed.values()) {
            ChargedSegment segment = ChargedSegment.read(value, usage.lastSeq());
            if (segment.lastSeq() < below) {
                segments++;
                bytes += segment.bytes();
            }
        }
        OpenSegment open = usage.openSegment();
        if (open.isRemovedBelow(below, usage.lastSeq())) {
            segments++;
            bytes += open.bytes();
        }
        return new PrunePreview(segments, bytes, below);
    }

    private static @Nullable TenantUsage usage(Settings settings, TenantId tenant) {
        @Nullable TenantUsage[] newest = new TenantUsage[1];
        new TenantDirectory(settings).usages((id, usage) -> {
            if (id.equals(tenant)) {
                newest[0] = usage;
            }
        });
        return newest[0];
    }
}
