package io.tidegate.tools;

import io.tidegate.admin.RecordJson;
import io.tidegate.admin.TopicReader;
import io.tidegate.config.Settings;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Finds rejections in {@code quota-exceeded} and {@code signals-dead-letter}, newest first. Reads each partition backwards in
 * pieces and merges them by time. Ends when it has found as many as wanted, has examined {@value #LOOKED_AT_MAX} records, or is
 * stopped. A cursor holds the position in each partition, so a search over a long time is split into several short ones.
 *
 * <p>Holds one piece of each partition in memory. Its matching records are at most as many as wanted, and bounded in bytes: a
 * page of large records ends early. Not thread-safe.
 */
public final class RejectionSearch {
    /** Records that one call examines. */
    public static final int LOOKED_AT_MAX = 50_000;

    /** The longest text that can be searched for. */
    public static final int TEXT_CHARS_MAX = 200;

    /** The size of the results at which a page ends; it has at least one. The pieces of all partitions share the same bound. */
    static final long PAGE_BYTES_MAX = 4L * 1024 * 1024;

    private static final int PIECE_MIN = 100;
    private static final int PIECE_MAX = 3_200;
    private static final int WIDER = 2;

    /** The maximum disorder within one partition: the times of signals are set by their producers. */
    private static final long DISORDER_MS = Duration.ofMinutes(10).toMillis();

    /** The longest cursor. If the partitions do not fit, the search fails; it never skips any silently. */
    private static final int CURSOR_CHARS_MAX = 4_000;

    private static final Pattern PLACE = Pattern.compile("([01])-(\\d{1,6})-(\\d{1,18})");

    /**
     * The rejections to search for.
     *
     * @param tenant null = all
     * @param reasons empty = all
     * @param deadLetters whether to include dead letters
     * @param fromMs inclusive; null = from the first record
     * @param toMs exclusive; null = to the last record
     * @param text contained in a header, the key or the value, ignoring case; empty = all
     */
    public record Query(
            @Nullable TenantId tenant,
            Set<String> reasons,
            boolean deadLetters,
            @Nullable Long fromMs,
            @Nullable Long toMs,
            String text) {
        public Query {
            if (text.length() > TEXT_CHARS_MAX) {
                throw new IllegalArgumentException("the text to search for must have at most %d characters, it has %d"
                        .formatted(TEXT_CHARS_MAX, text.length()));
            }
            text = text.toLowerCase(Locale.ROOT);
        }

        boolean matches(ConsumerRecord<byte[], byte[]> record) {
            String reason = TidegateHeaders.text(record.headers(), TidegateHeaders.REASON);
            return (fromMs == null || record.timestamp() >= fromMs)
                    && (toMs == null || record.timestamp() < toMs)
                    && (tenant == null
                            || tenant.decimal().equals(TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT)))
                    && (reasons.isEmpty() || (reason != null && reasons.contains(reason)))
                    && (text.isEmpty() || hasText(record));
        }

        private boolean hasText(ConsumerRecord<byte[], byte[]> record) {
            for (Header header : record.headers()) {
                if (hasText(header.value())) {
                    return true;
                }
            }
            return hasText(record.value()) || hasText(record.key());
        }

        private boolean hasText(byte @Nullable [] bytes) {
            String utf8 = bytes == null ? null : RecordJson.utf8(bytes);
            return utf8 != null && utf8.toLowerCase(Locale.ROOT).contains(text);
        }
    }

    /**
     * The result of one call.
     *
     * @param found newest first
     * @param lookedAt the number of records examined
     * @param next where to continue; null if there are no more
     */
    public record Page<T>(
            List<T> found, int lookedAt, @Nullable String next) {}

    /** Reads a range of a partition in offset order. */
    @FunctionalInterface
    interface RangeReader {
        void read(TopicPartition partition, long from, long to, Consumer<ConsumerRecord<byte[], byte[]>> each);
    }

    /**
     * One examined record.
     *
     * @param kept null if the record does not match
     * @param bytes the size of what is kept
     */
    private record ExaminedRecord<T>(
            TopicPartition partition,
            long offset,
            long timestampMs,
            @Nullable T kept,
            long bytes) {}

    private final Query query;
    private final int wanted;

    /** @param wanted the maximum number of rejections to find */
    public RejectionSearch(Query query, int wanted) {
        this.query = query;
        this.wanted = wanted;
    }

    /**
     * Searches from the end, or from the end of a previous call.
     *
     * @param cursor {@link Page#next} of the previous call with the same query; null = from the end
     * @param shouldContinue called often; false ends the call early with the rejections found so far
     * @param keep converts a matching record
     * @param size returns the size of a converted record in bytes
     * @throws IllegalArgumentException if the cursor is invalid
     */
    public <T> Page<T> run(
            Settings settings,
            @Nullable String cursor,
            BooleanSupplier shouldContinue,
            Function<ConsumerRecord<byte[], byte[]>, T> keep,
            ToLongFunction<T> size) {
        List<String> topics = new ArrayList<>(List.of(settings.topics().quotaExceeded()));
        if (query.deadLetters()) {
            topics.add(settings.topics().deadLetter());
        }
        try (TopicReader reader = new TopicReader(settings, topics)) {
            Map<TopicPartition, Long> begins =
                    query.fromMs() == null ? reader.beginnings() : reader.offsetsAt(query.fromMs());
            Map<TopicPartition, Long> ends =
                    query.toMs() == null ? new HashMap<>(reader.ends()) : reader.offsetsAt(query.toMs() + DISORDER_MS);
            if (cursor != null) {
                continueAt(cursor, topics, ends);
            }
            return page(
                    begins,
                    ends,
                    (partition, from, to, each) -> reader.readRange(partition, from, to, shouldContinue, each),
                    shouldContinue,
                    keep,
                    size,
                    topics);
        }
    }

    <T> Page<T> page(
            Map<TopicPartition, Long> begins,
            Map<TopicPartition, Long> ends,
            RangeReader ranges,
            BooleanSupplier shouldContinue,
            Function<ConsumerRecord<byte[], byte[]>, T> keep,
            ToLongFunction<T> size,
            List<String> topics) {
        Map<TopicPartition, Long> left =
                new TreeMap<>(Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition));
        int[] lookedAt = {0};
        // The first record needs a piece of every partition. A page without any would end where it began.
        BooleanSupplier mayGoOn = () -> lookedAt[0] == 0 || shouldContinue.getAsBoolean();
        List<TimeOrderedMerge.Parts<ExaminedRecord<T>>> backwards = new ArrayList<>();
        ends.forEach((partition, end) -> {
            long begin = begins.getOrDefault(partition, 0L);
            if (begin < end) {
                left.put(partition, end);
                backwards.add(new BackwardReader<>(
                        partition, begin, end, ranges, mayGoOn, keep, size, PAGE_BYTES_MAX / ends.size()));
            }
        });
        TimeOrderedMerge<ExaminedRecord<T>> merged = new TimeOrderedMerge<>(backwards, seen -> -seen.timestampMs());
        List<T> found = new ArrayList<>();
        long foundBytes = 0;
        boolean complete = false;
        while (found.size() < wanted
                && foundBytes < PAGE_BYTES_MAX
                && lookedAt[0] < LOOKED_AT_MAX
                && mayGoOn.getAsBoolean()) {
            ExaminedRecord<T> seen = merged.next();
            // A piece that was read only in part is not merged.
            if (!mayGoOn.getAsBoolean()) {
                break;
            }
            if (seen == null) {
                complete = true;
                break;
            }
            lookedAt[0]++;
            left.put(seen.partition(), seen.offset());
            if (seen.kept() != null) {
                found.add(seen.kept());
                foundBytes += seen.bytes();
            }
        }
        left.entrySet().removeIf(place -> place.getValue() <= begins.getOrDefault(place.getKey(), 0L));
        return new Page<>(found, lookedAt[0], complete || left.isEmpty() ? null : cursor(left, topics));
    }

    /** The records of one partition, from its end to its beginning. */
    private final class BackwardReader<T> implements TimeOrderedMerge.Parts<ExaminedRecord<T>> {
        private final TopicPartition partition;
        private final long begin;
        private final RangeReader ranges;
        private final BooleanSupplier shouldContinue;
        private final Function<ConsumerRecord<byte[], byte[]>, T> keep;
        private final ToLongFunction<T> size;
        private final long bytesMax;
        private long end;
        private long piece = PIECE_MIN;

        BackwardReader(
                TopicPartition partition,
                long begin,
                long end,
                RangeReader ranges,
                BooleanSupplier shouldContinue,
                Function<ConsumerRecord<byte[], byte[]>, T> keep,
                ToLongFunction<T> size,
                long bytesMax) {
            this.partition = partition;
            this.begin = begin;
            this.end = end;
            this.ranges = ranges;
            this.shouldContinue = shouldContinue;
            this.keep = keep;
            this.size = size;
            this.bytesMax = bytesMax;
        }

        @Override
        public boolean read(Deque<ExaminedRecord<T>> into) {
            if (!shouldContinue.getAsBoolean()) {
                return false;
            }
            Deque<ExaminedRecord<T>> forwards = new ArrayDeque<>();
            int[] matching = {0};
            long[] bytes = {0};
            long[] from = {Math.max(begin, end - piece)};
            ranges.read(partition, from[0], end, record -> {
                T kept = query.matches(record) ? keep.apply(record) : null;
                long keptBytes = kept == null ? 0 : size.applyAsLong(kept);
                forwards.add(new ExaminedRecord<>(partition, record.offset(), record.timestamp(), kept, keptBytes));
                matching[0] += kept == null ? 0 : 1;
                bytes[0] += keptBytes;
                // Older matches than wanted are dropped now and read again when needed.
                while (matching[0] > wanted || (bytes[0] > bytesMax && matching[0] > 1)) {
                    ExaminedRecord<T> oldest = forwards.remove();
                    from[0] = oldest.offset() + 1;
                    matching[0] -= oldest.kept() == null ? 0 : 1;
                    bytes[0] -= oldest.bytes();
                }
            });
            forwards.descendingIterator().forEachRemaining(into::add);
            piece = matching[0] == 0 ? Math.min(piece * WIDER, PIECE_MAX) : PIECE_MIN;
            end = from[0];
            return end > begin;
        }
    }

    private static String cursor(Map<TopicPartition, Long> left, List<String> topics) {
        List<String> places = new ArrayList<>();
        left.forEach((partition, end) ->
                places.add("%d-%d-%d".formatted(topics.indexOf(partition.topic()), partition.partition(), end)));
        String cursor = String.join("_", places);
        if (cursor.length() > CURSOR_CHARS_MAX) {
            throw new IllegalArgumentException(
                    "%d partitions are too many to search in pieces: choose a shorter time range"
                            .formatted(places.size()));
        }
        return cursor;
    }

    /** Moves the ends of the partitions in a cursor to its positions. */
    static void continueAt(String cursor, List<String> topics, Map<TopicPartition, Long> ends) {
        Map<TopicPartition, Long> places = new HashMap<>();
        for (String place : cursor.substring(0, Math.min(cursor.length(), CURSOR_CHARS_MAX + 1))
                .split("_", -1)) {
            Matcher matcher = PLACE.matcher(place);
            if (!matcher.matches() || Integer.parseInt(matcher.group(1)) >= topics.size()) {
                throw new IllegalArgumentException(
                        "the cursor is not the `next` of another page with the same parameters");
            }
            places.put(
                    new TopicPartition(
                            topics.get(Integer.parseInt(matcher.group(1))), Integer.parseInt(matcher.group(2))),
                    Long.parseLong(matcher.group(3)));
        }
        ends.keySet().retainAll(places.keySet());
        ends.replaceAll((partition, end) -> Math.min(end, places.getOrDefault(partition, end)));
    }
}
