package io.tidegate.admission;

import io.tidegate.tenant.TenantConfig;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The stored form of {@link TenantUsage}: a version, then self-describing sections. Big-endian:
 *
 * <pre>
 *  version = 3 (1)
 *  sections: tag (1) | length n (2) | n bytes
 *
 *  1 numbers      next sequence number (8) | last decision at, ms (8) | bytes accepted (8) | pruned below (8)
 *  2 entities     hash key (16) | kinds n (1) | entities by kind (8 × n)
 *  3 bucket       level in nano-tokens (8) | refilled at, ms (8) | last full at, ms (8)      -1: never
 *  4 sealed       sealed segments (8) | sealed bytes (8)
 *  5 rejection    the last one: at, ms (8) | reason (1)
 *  6 watch        window (8) | signals in it (8) | quotas n (1) | level by quota (n)      {@link QuotaWatch}
 *  7 reasons      reasons n (1), up to the last one that was counted | rejected by reason (8 × n) |
 *                 accepted in observe mode by reason (8 × n)
 *  8 open segment first sequence number (8) | record bytes (8) | first record at, ms (8) | right up to, the next
 *                 sequence number (8)                                    {@link OpenSegment}
 *  9 history      of the bucket: right up to sequence number (8) | rate (8) | burst (8) | head of {@link AcceptedHistory} (60)
 * 10 windows      window and signals of section 6 for which this is right (16) | reach (2) | windows n (2) | the windows before,
 *                 the last one first: reach (2), signals (6)             {@link RateWindows}
 * 11 byte bucket  right up to sequence number (8) | level in thousandths of a byte (8) | refilled at, ms (8) | last full at, ms (8) |
 *                 as section 9 from the rate on
 * 12 byte windows as section 10, of bytes; the first 16 bytes are the newest window itself
 * 13 periods      of hours, days and months each: forgotten up to (8) | periods n (1) | number (8), signals (8), bytes (8) of each.
 *                 What an older build accepted in between is not counted: it does not know the limits     {@link PeriodUse}
 * 14 months       as one kind of section 13, with number, accepted, rejected, bytes accepted (8 each) of each      {@link MonthlyUse}.
 *                 What an older build decided in between is in no month
 * 15 ages         right up to sequence number (8) | entries appended to the log of entities (8) | its first chunk (8) | ttl, ms (8) | clock,
 *                 ms (8) | what ended up to then has expired, ms (8) | on since, ms (8) | kinds k (1) | generations n (2) | n × ( end after
 *                 the one before, ms (varint) | entities by kind (k × varint) )      {@link EntitySet}, {@link EntityAges}
 * 16 to 31        signal type, one section for each slot: right up to sequence number (8) | length n (2) | value of signal in UTF-8 (n) |
 *                 level (1) | windows as in section 12 | bucket and history as in section 11      {@link SignalBuckets}
 * 32 short history of the bucket, instead of section 9 and a chunk: as section 9 | chunk number (4) | the chunk
 *                 {@link AcceptedRun}
 * </pre>
 *
 * <p>Rules that let older and newer builds read each other's state:
 *
 * <ul>
 *
 *   <li>A new fact gets a new section. The content of a section never changes, except that counters (of kinds, quotas,
 *       reasons) may be added at the end.
 *   <li>An absent section means the value in a new usage; only 1 and 2 are required. A section that would only repeat
 *       these values is not written.
 *   <li>Unknown counters, and sections with an unknown tag, are kept and written again unchanged. So a section must stay
 *       correct even if an older build decided in between: if it depends on the decisions, it contains the next sequence
 *       number, or the counter, up to which it is valid.
 * </ul>
 *
 * <p>Versions 1 and 2 had a fixed layout of seven reasons. They can be read, and are written as version 3.
 */
final class StoredUsage {
    private static final byte VERSION = 3;
    private static final byte VERSION_2 = 2;
    private static final byte VERSION_1 = 1;

    private static final int NUMBERS = 1;
    private static final int ENTITIES = 2;
    private static final int BUCKET = 3;
    private static final int SEALED = 4;
    private static final int REJECTION = 5;
    private static final int WATCH = 6;
    private static final int REASONS = 7;
    private static final int OPEN_SEGMENT = 8;
    private static final int HISTORY = 9;
    private static final int WINDOWS = 10;
    private static final int BYTE_BUCKET = 11;
    private static final int BYTE_WINDOWS = 12;
    private static final int PERIODS = 13;
    private static final int MONTHS = 14;
    private static final int AGES = 15;
    private static final int FIRST_SIGNAL = 16;
    private static final int SHORT_HISTORY = FIRST_SIGNAL + TenantConfig.SIGNALS_MAX;
    private static final int LAST_SECTION = SHORT_HISTORY;

    private static final int HEAD_BYTES = 1 + Short.BYTES;
    private static final int REQUIRED = 1 << NUMBERS | 1 << ENTITIES;
    private static final long HISTORIES = 1L << BUCKET | 1L << HISTORY;

    /** The number of reasons in versions 1 and 2. */
    private static final int REASONS_2 = 7;

    private static final int KINDS_2 = 3;
    private static final int QUOTAS_2 = 3;
    private static final int BYTES_1 =
            1 + Long.BYTES + TokenBucket.BYTES + (2 + KINDS_2 + 3) * Long.BYTES + 1 + 2 * REASONS_2 * Long.BYTES;
    private static final int BYTES_2 = BYTES_1 + Long.BYTES + 1 + 2 * Long.BYTES + 2 * Long.BYTES + QUOTAS_2;

    private StoredUsage() {}

    static TenantUsage read(byte[] stored) {
        TenantUsage usage = new TenantUsage();
        if (stored.length > 0 && stored[0] == VERSION) {
            readSections(stored, usage);
        } else if (stored.length == BYTES_1 && stored[0] == VERSION_1) {
            readFixed(ByteBuffer.wrap(stored, 1, stored.length - 1), false, usage);
        } else if (stored.length == BYTES_2 && stored[0] == VERSION_2) {
            readFixed(ByteBuffer.wrap(stored, 1, stored.length - 1), true, usage);
        } else {
            throw new IllegalStateException("tenant usage of %d bytes is not of version %d, %d or %d"
                    .formatted(stored.length, VERSION_1, VERSION_2, VERSION));
        }
        return usage;
    }

    private static void readSections(byte[] stored, TenantUsage usage) {
        ByteBuffer in = ByteBuffer.wrap(stored, 1, stored.length - 1);
        long found = 0;
        while (in.hasRemaining()) {
            int start = in.position();
            int length = in.remaining() < HEAD_BYTES ? Integer.MAX_VALUE : Short.toUnsignedInt(in.getShort(start + 1));
            if (length > in.remaining() - HEAD_BYTES) {
                throw new IllegalStateException("tenant usage is truncated in the section at byte %d".formatted(start));
            }
            int tag = Byte.toUnsignedInt(in.get(start));
            ByteBuffer section = in.slice(start + HEAD_BYTES, length);
            in.position(start + HEAD_BYTES + length);
            if (tag > LAST_SECTION || tag == 0) {
                keep(usage, Arrays.copyOfRange(stored, start, in.position()));
                continue;
            }
            if (tag == SHORT_HISTORY && (found & HISTORIES) != 1L << BUCKET) {
                // An older build, which keeps this section but does not know it, has reset the bucket or has written
                // the history its own way.
                continue;
            }
            boolean again = (found & 1L << tag) != 0;
            found |= 1L << tag;
            try {
                readSection(tag, section, usage);
            } catch (BufferUnderflowException e) {
                throw new IllegalStateException(
                        "section %d of tenant usage is too short: %d bytes".formatted(tag, length), e);
            }
            if (again || section.hasRemaining()) {
                throw new IllegalStateException(
                        "section %d of tenant usage is repeated or too long: %d bytes".formatted(tag, length));
            }
        }
        if ((found & REQUIRED) != REQUIRED) {
            throw new IllegalStateException("tenant usage lacks section %d or %d".formatted(NUMBERS, ENTITIES));
        }
    }

    private static void readSection(int tag, ByteBuffer in, TenantUsage usage) {
        switch (tag) {
            case NUMBERS -> {
                usage.nextSeq = in.getLong();
                usage.lastDecisionMs = in.getLong();
                usage.acceptedBytes = in.getLong();
                usage.prunedBelow = in.getLong();
            }
            case ENTITIES -> {
                usage.hashKey0 = in.getLong();
                usage.hashKey1 = in.getLong();
                usage.entitiesByKind = readCounters(in, count(in), EntityKind.ALL.length);
            }
            case BUCKET -> usage.bucket.read(in);
            case SEALED -> {
                usage.sealedSegments = in.getLong();
                usage.sealedBytes = in.getLong();
            }
            case REJECTION -> {
                usage.lastRejectionMs = in.getLong();
                usage.lastRejection = in.get();
            }
            case WATCH -> {
                usage.watch.readWindow(in);
                usage.watch.readLevels(in, count(in));
            }
            case REASONS -> {
                int reasons = count(in);
                usage.rejected = readCounters(in, reasons, 0);
                usage.observed = readCounters(in, reasons, 0);
            }
            case OPEN_SEGMENT -> {
                OpenSegment open = new OpenSegment(in.getLong(), in.getLong(), in.getLong());
                // Sections come in the order of their tags, so the next sequence number is known. If it differs, a
                // build that does not count the open segment accepted signals in between.
                usage.openSegment = in.getLong() == usage.nextSeq ? open : OpenSegment.NONE;
            }
            case HISTORY -> readHistory(in, usage.bucket, in.getLong() == usage.nextSeq);
            case WINDOWS -> usage.watch.windows().readBefore(in);
            case BYTE_BUCKET -> {
                boolean isRight = in.getLong() == usage.nextSeq;
                usage.byteBucket().read(in);
                readHistory(in, usage.byteBucket(), isRight);
            }
            case BYTE_WINDOWS -> usage.watch.byteWindows().readAll(in);
            case PERIODS -> usage.periods = PeriodUse.read(in);
            case MONTHS -> usage.months = MonthlyUse.read(in);
            case AGES -> {
                // An older build that accepted signals in between has not read chunks with ages. So there are none, and
                // all entities are undated again.
                if (in.getLong() == usage.nextSeq) {
                    usage.entities().readAges(in);
                } else {
                    in.position(in.limit());
                }
            }
            case SHORT_HISTORY -> {
                if (in.getLong() == usage.nextSeq) {
                    usage.bucket.readShortHistory(in);
                } else {
                    in.position(in.limit());
                }
            }
            default -> {
                boolean isRight = in.getLong() == usage.nextSeq;
                TokenBucket bucket = usage.signalBuckets().read(tag - FIRST_SIGNAL, in);
                readHistory(in, bucket, isRight);
            }
        }
    }

    /** Reads the history. If an older build decided in between, only the newest level is known. */
    private static void readHistory(ByteBuffer in, TokenBucket bucket, boolean isRight) {
        if (isRight) {
            bucket.readHistory(in);
        } else {
            in.position(in.limit());
            bucket.staleHistory();
        }
    }

    /** Keeps a section of a newer build. */
    private static void keep(TenantUsage usage, byte[] section) {
        byte[] before = usage.unknownSections == null ? new byte[0] : usage.unknownSections;
        byte[] all = Arrays.copyOf(before, before.length + section.length);
        System.arraycopy(section, 0, all, before.length, section.length);
        usage.unknownSections = all;
    }

    private static void readFixed(ByteBuffer in, boolean version2, TenantUsage usage) {
        usage.nextSeq = in.getLong();
        usage.bucket.read(in);
        usage.hashKey0 = in.getLong();
        usage.hashKey1 = in.getLong();
        usage.entitiesByKind = readCounters(in, KINDS_2, EntityKind.ALL.length);
        usage.sealedSegments = in.getLong();
        usage.sealedBytes = in.getLong();
        usage.lastDecisionMs = in.getLong();
        if (version2) {
            usage.lastRejectionMs = in.getLong();
            usage.lastRejection = in.get();
            usage.acceptedBytes = in.getLong();
            usage.prunedBelow = in.getLong();
            usage.watch.readWindow(in);
            usage.watch.readLevels(in, QUOTAS_2);
        }
        int reasons = in.get();
        if (reasons != REASONS_2) {
            throw new IllegalStateException(
                    "tenant usage of version %d counts %d reasons, not %d".formatted(in.get(0), reasons, REASONS_2));
        }
        usage.rejected = readCounters(in, reasons, 0);
        usage.observed = readCounters(in, reasons, 0);
    }

    static byte[] write(TenantUsage usage) {
        byte[] unknown = usage.unknownSections == null ? new byte[0] : usage.unknownSections;
        ByteBuffer out = ByteBuffer.allocate(bytesMax(usage) + unknown.length);
        out.put(VERSION);
        int numbers = begin(out, NUMBERS);
        out.putLong(usage.nextSeq).putLong(usage.lastDecisionMs);
        out.putLong(usage.acceptedBytes).putLong(usage.prunedBelow);
        end(out, numbers);
        int entities = begin(out, ENTITIES);
        out.putLong(usage.hashKey0).putLong(usage.hashKey1).put((byte) usage.entitiesByKind.length);
        writeCounters(out, usage.entitiesByKind, usage.entitiesByKind.length);
        end(out, entities);
        if (usage.bucket.isUsed()) {
            int bucket = begin(out, BUCKET);
            usage.bucket.write(out);
            end(out, bucket);
        }
        if (usage.sealedSegments != 0 || usage.sealedBytes != 0) {
            int sealed = begin(out, SEALED);
            out.putLong(usage.sealedSegments).putLong(usage.sealedBytes);
            end(out, sealed);
        }
        if (usage.lastRejectionMs >= 0) {
            int rejection = begin(out, REJECTION);
            out.putLong(usage.lastRejectionMs).put(usage.lastRejection);
            end(out, rejection);
        }
        int watch = begin(out, WATCH);
        usage.watch.write(out);
        end(out, watch);
        int counted = countedReasons(usage);
        if (counted > 0) {
            int reasons = begin(out, REASONS);
            out.put((byte) counted);
            writeCounters(out, usage.rejected, counted);
            writeCounters(out, usage.observed, counted);
            end(out, reasons);
        }
        OpenSegment open = usage.openSegment;
        if (open.isOpen()) {
            int segment = begin(out, OPEN_SEGMENT);
            out.putLong(open.firstSeq()).putLong(open.bytes()).putLong(open.firstMs());
            out.putLong(usage.nextSeq);
            end(out, segment);
        }
        boolean isHistoryShort = usage.bucket.isHistoryShort();
        if (usage.bucket.isUsed() && !isHistoryShort) {
            int history = begin(out, HISTORY);
            out.putLong(usage.nextSeq);
            usage.bucket.writeHistory(out);
            end(out, history);
        }
        if (usage.watch.windows().hasBefore()) {
            int windows = begin(out, WINDOWS);
            usage.watch.windows().writeBefore(out);
            end(out, windows);
        }
        if (usage.byteBucket != null && usage.byteBucket.isUsed()) {
            int bytes = begin(out, BYTE_BUCKET);
            out.putLong(usage.nextSeq);
            usage.byteBucket.write(out);
            usage.byteBucket.writeHistory(out);
            end(out, bytes);
        }
        if (usage.watch.hasByteWindows()) {
            int windows = begin(out, BYTE_WINDOWS);
            usage.watch.byteWindows().writeBefore(out);
            end(out, windows);
        }
        if (usage.periods != null) {
            int periods = begin(out, PERIODS);
            usage.periods.write(out);
            end(out, periods);
        }
        if (!usage.months.isEmpty()) {
            int months = begin(out, MONTHS);
            usage.months.write(out);
            end(out, months);
        }
        if (usage.entities().ages() != null) {
            int ages = begin(out, AGES);
            out.putLong(usage.nextSeq);
            usage.entities().writeAges(out);
            end(out, ages);
        }
        if (usage.signals != null) {
            for (int slot = 0; slot < TenantConfig.SIGNALS_MAX; slot++) {
                if (usage.signals.isStored(slot)) {
                    int signal = begin(out, FIRST_SIGNAL + slot);
                    out.putLong(usage.nextSeq);
                    usage.signals.write(slot, out);
                    end(out, signal);
                }
            }
        }
        if (isHistoryShort) {
            int history = begin(out, SHORT_HISTORY);
            out.putLong(usage.nextSeq);
            usage.bucket.writeShortHistory(out);
            end(out, history);
        }
        out.put(unknown);
        return Arrays.copyOf(out.array(), out.position());
    }

    private static int bytesMax(TenantUsage usage) {
        int counters = usage.entitiesByKind.length + 2 * countedReasons(usage);
        int fixed =
                4 * Long.BYTES + 2 * Long.BYTES + TokenBucket.BYTES + 2 * Long.BYTES + Long.BYTES + 1 + 4 * Long.BYTES;
        int counts = 2;
        return 1
                + LAST_SECTION * HEAD_BYTES
                + 2 * (Long.BYTES + TokenBucket.BYTES + TokenBucket.HISTORY_BYTES)
                + usage.bucket.shortHistoryBytesMax()
                + fixed
                + counts
                + counters * Long.BYTES
                + usage.watch.bytes()
                + (usage.periods == null ? 0 : usage.periods.bytes())
                + usage.months.bytes()
                + Long.BYTES
                + usage.entities().agesBytesMax()
                + (usage.signals == null ? 0 : TenantConfig.SIGNALS_MAX * Long.BYTES + usage.signals.bytesMax());
    }

    private static int begin(ByteBuffer out, int tag) {
        out.put((byte) tag).putShort((short) 0);
        return out.position();
    }

    private static void end(ByteBuffer out, int begin) {
        out.putShort(begin - Short.BYTES, (short) (out.position() - begin));
    }

    private static int count(ByteBuffer in) {
        return Byte.toUnsignedInt(in.get());
    }

    /** Reads counters; those of a newer build stay after the known ones, and missing ones are 0. */
    private static long[] readCounters(ByteBuffer in, int stored, int known) {
        long[] values = new long[Math.max(stored, known)];
        for (int i = 0; i < stored; i++) {
            values[i] = in.getLong();
        }
        return values;
    }

    /** Writes {@code count} counters, at least as many as there are; missing ones are 0. */
    private static void writeCounters(ByteBuffer out, long[] values, int count) {
        for (long value : values) {
            out.putLong(value);
        }
        for (int i = values.length; i < count; i++) {
            out.putLong(0);
        }
    }

    private static int countedReasons(TenantUsage usage) {
        return Math.max(usage.rejected.length, usage.observed.length);
    }
}
