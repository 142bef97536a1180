package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A failure that stops the WAL, with its place (tenant, segment, byte) and the remedy. The shard that threw it rejects
 * further work; the files are unchanged and can be opened again from the last checkpoint.
 */
public final class WalException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The kind of failure, which decides who can fix it. */
    public enum Kind {
        /** A read, write or fsync failed, or an unexpected exception was thrown. Opening the shard again may help. */
        IO,
        /** Stored bytes have changed. Nothing was modified. */
        DAMAGE,
        /** Records between the last stored one and the next are missing. */
        GAP,
        /**
         * The topic has a different record than the files under one sequence number: it is not the topic that they were
         * built from.
         */
        DIFFERS,
        /** The data directory is in use, or has another owner. */
        REJECTED
    }

    private final Kind kind;

    private WalException(Kind kind, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }

    /** Whether a restart from the checkpoint can fix it without an operator. */
    public boolean mayPass() {
        return kind == Kind.IO;
    }

    static WalException io(String doing, Path path, Throwable cause) {
        return new WalException(
                Kind.IO,
                "%s %s failed: %s"
                        .formatted(doing, path, cause instanceof IOException io ? FileFault.describe(io) : cause),
                cause);
    }

    static WalException damage(@Nullable TenantId tenant, Path segment, long position, String what) {
        return new WalException(
                Kind.DAMAGE,
                "damage in the WAL: tenant %s, segment %s, byte %d: %s. Nothing was changed. Stop the instance, and %s"
                        .formatted(
                                tenant == null ? "?" : tenant,
                                segment,
                                position,
                                what,
                                tenant == null
                                        ? "move this file away (keep it): the shard's topic is read again, and stored records are"
                                                + " skipped"
                                        : "run tidegate wal verify --repair, which rebuilds the missing records from"
                                                + " signals-accepted"),
                null);
    }

    static WalException gap(TenantId tenant, int shard, long firstMissing, long lastMissing, String hint) {
        return new WalException(
                Kind.GAP,
                "gap in the WAL: tenant %s, shard %d lacks the sequence numbers %d to %d. %s"
                        .formatted(tenant, shard, firstMissing, lastMissing, hint),
                null);
    }

    static WalException differs(TenantId tenant, int shard, long seq, Path segment) {
        return new WalException(
                Kind.DIFFERS,
                ("signals-accepted differs from the WAL: tenant %s, shard %d, record %d in the topic differs from the"
                                + " one in %s. The topic lost records (brokers lost them, or it was restored from an older"
                                + " copy) or was recreated. Nothing was"
                                + " changed. Bring the topic's records back; or, to continue with the records that the topic has now, stop"
                                + " all instances, keep a copy of their data directories, and start with empty ones")
                        .formatted(tenant, shard, seq, segment),
                null);
    }

    static WalException rejected(String message) {
        return new WalException(Kind.REJECTED, message, null);
    }
}
