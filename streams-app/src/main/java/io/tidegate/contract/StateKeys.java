package io.tidegate.contract;

import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.utils.Bytes;

/** The state stores of admit, and the keys of their entries and changelogs. All numbers are big-endian. */
public final class StateKeys {
    /** Key: tenant, 8 bytes. */
    public static final String USAGE = "usage";

    /** Key: tenant and number of the chunk, 12 bytes. */
    public static final String ENTITIES = "entities";

    /** Key: tenant and first sequence number, 16 bytes. */
    public static final String SEGMENTS = "segments";

    /** Key: tenant, bucket and number of the chunk, 13 bytes. */
    public static final String HISTORY = "history";

    /** The stores that have a changelog. */
    public static final List<String> LOGGED_STORES = List.of(USAGE, ENTITIES, SEGMENTS, HISTORY);

    private StateKeys() {}

    public static Bytes usage(TenantId tenant) {
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES).putLong(tenant.bits()).array());
    }

    public static Bytes entities(TenantId tenant, int chunk) {
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES + Integer.BYTES)
                .putLong(tenant.bits())
                .putInt(chunk)
                .array());
    }

    /** @param bucket one of the tenant's rate limits */
    public static Bytes history(TenantId tenant, byte bucket, int chunk) {
        return Bytes.wrap(ByteBuffer.allocate(Long.BYTES + 1 + Integer.BYTES)
                .putLong(tenant.bits())
                .put(bucket)
                .putInt(chunk)
                .array());
    }

    public static Bytes segment(TenantId tenant, long firstSeq) {
        return Bytes.wrap(ByteBuffer.allocate(2 * Long.BYTES)
                .putLong(tenant.bits())
                .putLong(firstSeq)
                .array());
    }

    /** Returns the tenant of any key. */
    public static TenantId tenantOf(byte[] key) {
        return TenantId.of(ByteBuffer.wrap(key).getLong());
    }

    /** Returns the number of the chunk in a key of {@link #ENTITIES} or {@link #HISTORY}. */
    public static int chunkOf(byte[] key) {
        return ByteBuffer.wrap(key).getInt(key.length - Integer.BYTES);
    }

    /** Returns the first sequence number in a key of {@link #SEGMENTS}. */
    public static long firstSeqOf(byte[] key) {
        return ByteBuffer.wrap(key).getLong(Long.BYTES);
    }
}
