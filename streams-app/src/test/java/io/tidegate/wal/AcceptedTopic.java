package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Stands in for one partition of {@code signals-accepted}: the records of several tenants, by offset. */
final class AcceptedTopic {
    static final TenantId FIRST = TenantId.DEFAULT;
    static final TenantId SECOND = TenantId.of(42);
    static final TenantId LAST = TenantId.of(-1);
    static final List<TenantId> TENANTS = List.of(FIRST, SECOND, LAST);

    private record Entry(TenantId tenant, WalRecord record) {}

    private final List<Entry> entries = new ArrayList<>();
    private final Map<TenantId, Long> nextSeqs = new HashMap<>();

    /** By offset, whether the record begins a segment; computed for the settings below. */
    private final List<Boolean> marks = new ArrayList<>();

    private WalSettings marksOf;

    /** Records of a tenant before which all its earlier ones were pruned: each begins a segment. */
    private final Set<SegmentStart> afterPrune = new HashSet<>();

    private record SegmentStart(TenantId tenant, long seq) {}

    /** Records of all kinds of three tenants, with mostly increasing times. */
    static AcceptedTopic random(long seed, int records) {
        Random random = new Random(seed);
        AcceptedTopic topic = new AcceptedTopic();
        long timestampMs = 1_000_000;
        for (int i = 0; i < records; i++) {
            timestampMs += random.nextInt(120) - 10;
            Header[] headers = new Header[random.nextInt(3)];
            for (int h = 0; h < headers.length; h++) {
                headers[h] = new RecordHeader("h" + h, bytes(random, 10));
            }
            TenantId tenant = TENANTS.get(Math.min(random.nextInt(5), 2));
            topic.add(tenant, timestampMs, bytes(random, 12), bytes(random, 90), headers);
        }
        return topic;
    }

    private static byte[] bytes(Random random, int below) {
        int length = random.nextInt(below + 2) - 1;
        if (length < 0) {
            return null;
        }
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** {@code count} records of one tenant, a millisecond and 100 bytes each. */
    static AcceptedTopic of(TenantId tenant, int count) {
        AcceptedTopic topic = new AcceptedTopic();
        for (int i = 0; i < count; i++) {
            topic.add(tenant, i, null, ("%-" + (100 - WalRecord.OVERHEAD_BYTES) + "d").formatted(i));
        }
        return topic;
    }

    void add(TenantId tenant, long timestampMs, String key, String value) {
        add(tenant, timestampMs, key == null ? null : ascii(key), ascii(value));
    }

    void add(TenantId tenant, long timestampMs, byte[] key, byte[] value, Header... headers) {
        long seq = nextSeqs.merge(tenant, 1L, Long::sum) - 1;
        entries.add(new Entry(tenant, new WalRecord(seq, timestampMs, key, value, headers)));
    }

    /** An empty record. */
    static WalRecord record(long seq) {
        return new WalRecord(seq, seq, null, null, new Header[0]);
    }

    static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    int size() {
        return entries.size();
    }

    WalRecord recordAt(int offset) {
        return entries.get(offset).record();
    }

    TenantId tenant(int offset) {
        return entries.get(offset).tenant();
    }

    /** Appends a record, with the mark that admission would set for the shard's settings. */
    void apply(Shard shard, int offset) {
        Entry entry = entries.get(offset);
        shard.append(entry.tenant(), entry.record(), beginsSegment(shard.settings(), offset));
    }

    /** Records that all records of a tenant below {@code seq} are pruned before the one with {@code seq} is accepted. */
    AcceptedTopic prunedBelow(TenantId tenant, long seq) {
        afterPrune.add(new SegmentStart(tenant, seq));
        return this;
    }

    /** The simplest model of admission's rule: counts each tenant's records from the beginning of the topic. */
    boolean beginsSegment(WalSettings settings, int offset) {
        if (marks.size() != entries.size() || !settings.equals(marksOf)) {
            marks.clear();
            marksOf = settings;
            Map<TenantId, Long> bytes = new HashMap<>();
            Map<TenantId, Long> firstMs = new HashMap<>();
            for (Entry entry : entries) {
                TenantId tenant = entry.tenant();
                long nowMs = entry.record().timestampMs();
                boolean begins = !bytes.containsKey(tenant)
                        || afterPrune.contains(
                                new SegmentStart(tenant, entry.record().seq()))
                        || bytes.get(tenant) >= settings.segmentBytes()
                        || nowMs - firstMs.get(tenant) >= settings.segmentAge().toMillis();
                if (begins) {
                    bytes.put(tenant, 0L);
                    firstMs.put(tenant, nowMs);
                }
                bytes.merge(tenant, (long) entry.record().ownBytes(), Long::sum);
                marks.add(begins);
            }
        }
        return marks.get(offset);
    }

    /** Applies the offsets from {@code from} up to {@code to}, exclusive. */
    void apply(Shard shard, int from, int to) {
        for (int offset = from; offset < to; offset++) {
            apply(shard, offset);
        }
    }

    void applyAll(Shard shard) {
        apply(shard, 0, size());
    }

    /** A tenant's records in the form of {@link #stored}. */
    List<String> of(TenantId tenant) {
        return entries.stream()
                .filter(entry -> entry.tenant().equals(tenant))
                .map(entry -> text(entry.record()))
                .toList();
    }

    /** The readable records of a tenant's log. */
    static List<String> stored(DataDir dir, TenantId tenant) throws IOException {
        return stored(dir, tenant, 0);
    }

    static List<String> stored(DataDir dir, TenantId tenant, long fromSeq) throws IOException {
        List<String> read = new ArrayList<>();
        try (WalReader reader = WalReader.open(dir, tenant, fromSeq)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                read.add(text(record));
            }
        }
        return read;
    }

    static String text(WalRecord record) {
        return "%d @%d %s=%s %s"
                .formatted(
                        record.seq(),
                        record.timestampMs(),
                        hex(record.key()),
                        hex(record.value()),
                        Stream.of(record.headers())
                                .map(header -> header.key() + ":" + hex(header.value()))
                                .collect(Collectors.joining(",")));
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "null" : HexFormat.of().formatHex(bytes);
    }

    /** Segments of {@code segmentBytes}, sealed after a second. */
    static WalSettings settings(long segmentBytes) {
        return WalSettings.of(segmentBytes, Duration.ofSeconds(1), 100, Compression.NONE);
    }
}
