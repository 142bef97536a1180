package io.tidegate.contract;

import io.tidegate.tenant.TenantConfig;
import io.tidegate.wal.WalSettings;

/**
 * The limits of a tenant's open segment.
 *
 * <p>Only sealed segments count against the storage quota, so the open one is the maximum by which a tenant exceeds it.
 * With a small quota, segments therefore end at a fraction of it. Example: a quota of 256 KiB gives segments of 32 KiB,
 * and at most 288 KiB and one record are stored.
 *
 * @param bytes the record bytes at which a segment is full
 * @param ageMs a record that is this much younger than the first one begins a new segment
 */
public record SegmentLimits(long bytes, long ageMs) {
    /** The maximum size of a segment is the tenant's storage quota divided by this. */
    static final int QUOTA_PARTS = 8;

    /** The minimum size of a segment for a small quota: smaller files cost more than they store. */
    public static final long BYTES_MIN = 16 * 1024;

    public static SegmentLimits of(TenantConfig config, WalSettings wal) {
        long part = Math.max(BYTES_MIN, config.storageLimit() / QUOTA_PARTS);
        return new SegmentLimits(
                Math.min(wal.segmentBytes(), part), wal.segmentAge().toMillis());
    }
}
