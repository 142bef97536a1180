package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The durable state of a shard: the offset in {@code signals-accepted} up to which every file is fsynced and, for each
 * tenant, the beginning of its log and the state of its last segment at that offset. A restart reads only the bytes
 * after it.
 *
 * <pre>
 *  version = 2 (1) | shard (4) | offset (8) | partial (1) | tenants n (4)
 *  n × ( tenant (8) | tail: first seq (8), next seq (8), position (8), own bytes (8), crc (4), first time (8)
 *        | begin seq (8) | applied seq (8) | pruning (1) )
 *  CRC32C of all bytes before it (4)
 * </pre>
 *
 * <p>Big-endian. Written after the files that it describes, by temp file, fsync, rename and directory fsync. Version 1,
 * which lacks the last three fields of a tenant, can still be read.
 *
 * @param offset the last applied offset; negative sentinels of Kafka Streams are stored unchanged
 * @param partial whether the topic no longer had its beginning when this copy began, so that a tenant may start above 0
 * @param logs by tenant
 */
record Checkpoint(long offset, boolean partial, Map<TenantId, Log> logs) {
    private static final byte VERSION = 2;
    private static final byte VERSION_WITHOUT_BEGINNINGS = 1;
    private static final int HEAD_BYTES = 1 + Integer.BYTES + Long.BYTES + 1 + Integer.BYTES;
    private static final int ENTRY_BYTES_1 = Long.BYTES + SegmentState.BYTES;
    private static final int ENTRY_BYTES = ENTRY_BYTES_1 + Log.MORE_BYTES;

    /**
     * The durable state of one tenant's log.
     *
     * @param tail the last segment. If it has no records, its file need not exist: it marks the place where the log
     *     continues
     * @param beginSeq the first sequence number of the first segment: segments below it were pruned; -1 if unknown
     * @param appliedSeq the sequence number after the tenant's last record at or before the checkpoint's offset. It is
     *     behind the tail while records are read again after a crash
     * @param pruning whether segments below {@code beginSeq} may still exist on disk
     */
    record Log(SegmentState tail, long beginSeq, long appliedSeq, boolean pruning) {
        static final long UNKNOWN = -1;
        private static final int MORE_BYTES = 2 * Long.BYTES + 1;

        Log pruned() {
            return new Log(tail, beginSeq, appliedSeq, false);
        }

        Log appliedAgain() {
            return new Log(tail, beginSeq, 0, pruning);
        }

        /** Whether a repair was interrupted between removing the old tail and installing the new one. */
        boolean isBrokenOff() {
            return appliedSeq > tail.nextSeq();
        }

        /** Whether files must exist. False if all segments were pruned. */
        boolean promisesFiles() {
            return tail.records() > 0 || beginSeq < tail.firstSeq();
        }

        private void write(ByteBuffer out) {
            tail.write(out);
            out.putLong(beginSeq).putLong(appliedSeq).put((byte) (pruning ? 1 : 0));
        }

        private static Log read(ByteBuffer in, int version) {
            SegmentState tail = SegmentState.read(in);
            return version == VERSION_WITHOUT_BEGINNINGS
                    ? new Log(tail, UNKNOWN, tail.nextSeq(), false)
                    : new Log(tail, in.getLong(), in.getLong(), in.get() != 0);
        }
    }

    /** Reads the checkpoint of a shard; null if it has none. Throws {@link WalException} if it is damaged. */
    static @Nullable Checkpoint read(Path path, int shard) {
        try {
            return parse(Files.readAllBytes(path), shard);
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            if (Files.isDirectory(path)) {
                throw WalException.damage(null, path, 0, "it is a directory");
            }
            throw WalException.io("reading", path, e);
        } catch (IllegalArgumentException e) {
            throw WalException.damage(null, path, 0, e.getMessage());
        }
    }

    void write(DurableFiles durable, Path path, int shard) {
        try {
            durable.replace(path, bytes(shard));
        } catch (IOException e) {
            throw WalException.io("writing", path, e);
        }
    }

    byte[] bytes(int shard) {
        ByteBuffer out = ByteBuffer.allocate(HEAD_BYTES + logs.size() * ENTRY_BYTES + Integer.BYTES);
        out.put(VERSION).putInt(shard).putLong(offset).put((byte) (partial ? 1 : 0));
        out.putInt(logs.size());
        logs.forEach((tenant, log) -> {
            out.putLong(tenant.bits());
            log.write(out);
        });
        out.putInt(crc(out.array(), out.position()));
        return out.array();
    }

    static Checkpoint parse(byte[] bytes, int shard) {
        if (bytes.length < HEAD_BYTES + Integer.BYTES) {
            throw new IllegalArgumentException("a checkpoint of %d bytes is truncated".formatted(bytes.length));
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        if (in.getInt(bytes.length - Integer.BYTES) != crc(bytes, bytes.length - Integer.BYTES)) {
            throw new IllegalArgumentException("the checkpoint's checksum is wrong");
        }
        int version = in.get();
        if (version != VERSION && version != VERSION_WITHOUT_BEGINNINGS) {
            throw new IllegalArgumentException("the checkpoint's version is %d, this program reads %d and %d"
                    .formatted(version, VERSION_WITHOUT_BEGINNINGS, VERSION));
        }
        int entryBytes = version == VERSION ? ENTRY_BYTES : ENTRY_BYTES_1;
        int found = in.getInt();
        if (found != shard) {
            throw new IllegalArgumentException("the checkpoint is of shard %d".formatted(found));
        }
        long offset = in.getLong();
        boolean partial = in.get() != 0;
        int count = in.getInt();
        if (count < 0 || (long) count * entryBytes != in.remaining() - Integer.BYTES) {
            throw new IllegalArgumentException(
                    "the checkpoint counts %d tenants in %d bytes".formatted(count, in.remaining()));
        }
        Map<TenantId, Log> logs = new HashMap<>(count * 2);
        for (int i = 0; i < count; i++) {
            logs.put(TenantId.of(in.getLong()), Log.read(in, version));
        }
        return new Checkpoint(offset, partial, logs);
    }

    private static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }
}
