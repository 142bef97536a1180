package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What of a shard is durable: the offset in {@code signals-accepted} up to which every file is fsynced, and how far each
 * tenant's last segment was filled then, so that a restart reads only what came after.
 *
 * <pre>
 *  version = 1 (1) | shard (4) | offset (8) | partial (1) | tenants n (4)
 *  n × ( tenant (8) | tail: first seq (8), next seq (8), position (8), own bytes (8), crc (4), first time (8) )
 *  CRC32C of all before (4)
 * </pre>
 *
 * Big-endian. Written by temp file, fsync, rename and directory fsync, after the files it speaks of.
 *
 * @param offset the last applied offset; Kafka Streams' own negative sentinels are kept as they came
 * @param partial whether this copy began when the topic no longer had its beginning, so that a tenant may start above 0
 * @param tails by tenant
 */
record Checkpoint(long offset, boolean partial, Map<TenantId, Tail> tails) {
    private static final byte VERSION = 1;
    private static final int HEAD_BYTES = 1 + Integer.BYTES + Long.BYTES + 1 + Integer.BYTES;
    private static final int ENTRY_BYTES = Long.BYTES + Tail.BYTES;

    /** The checkpoint of a shard; null where it has none. Throws {@link WalException} where it is damaged. */
    static @Nullable Checkpoint read(DataDir dir, int shard) {
        var path = dir.checkpoint(shard);
        try {
            return parse(Files.readAllBytes(path), shard);
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            throw WalException.io("reading", path, e);
        } catch (IllegalArgumentException e) {
            throw WalException.damage(null, path, 0, e.getMessage());
        }
    }

    void write(DataDir dir, int shard) {
        try {
            dir.replace(dir.checkpoint(shard), bytes(shard));
        } catch (IOException e) {
            throw WalException.io("writing", dir.checkpoint(shard), e);
        }
    }

    byte[] bytes(int shard) {
        ByteBuffer out = ByteBuffer.allocate(HEAD_BYTES + tails.size() * ENTRY_BYTES + Integer.BYTES);
        out.put(VERSION).putInt(shard).putLong(offset).put((byte) (partial ? 1 : 0));
        out.putInt(tails.size());
        tails.forEach((tenant, tail) -> {
            out.putLong(tenant.bits());
            tail.write(out);
        });
        out.putInt(crc(out.array(), out.position()));
        return out.array();
    }

    static Checkpoint parse(byte[] bytes, int shard) {
        if (bytes.length < HEAD_BYTES + Integer.BYTES) {
            throw new IllegalArgumentException("a checkpoint of %d bytes is cut".formatted(bytes.length));
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        if (in.getInt(bytes.length - Integer.BYTES) != crc(bytes, bytes.length - Integer.BYTES)) {
            throw new IllegalArgumentException("the checkpoint's checksum is wrong");
        }
        int version = in.get();
        if (version != VERSION) {
            throw new IllegalArgumentException(
                    "the checkpoint's version is %d, this program reads %d".formatted(version, VERSION));
        }
        int found = in.getInt();
        if (found != shard) {
            throw new IllegalArgumentException("the checkpoint is of shard %d".formatted(found));
        }
        long offset = in.getLong();
        boolean partial = in.get() != 0;
        int count = in.getInt();
        if (count < 0 || (long) count * ENTRY_BYTES != in.remaining() - Integer.BYTES) {
            throw new IllegalArgumentException(
                    "the checkpoint counts %d tenants in %d bytes".formatted(count, in.remaining()));
        }
        Map<TenantId, Tail> tails = new HashMap<>(count * 2);
        for (int i = 0; i < count; i++) {
            tails.put(TenantId.of(in.getLong()), Tail.read(in));
        }
        return new Checkpoint(offset, partial, tails);
    }

    private static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }
}
