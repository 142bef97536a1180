package io.tidegate.wal;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The name of a segment file: its first sequence number in 20 digits, so that names sort by it, and its shard; such as
 * {@code 00000000000000081920.shard-00003.log}. Kafka's log dumper requires the number first and {@code .log} last.
 *
 * @param firstSeq the sequence number of the first record
 * @param shard the partition of {@code signals-accepted} that the records come from
 */
public record SegmentName(long firstSeq, int shard) implements Comparable<SegmentName> {
    private static final Pattern FORM = Pattern.compile("(\\d{20})\\.shard-(\\d{5})\\.log");
    private static final String LAST = "%020d".formatted(Long.MAX_VALUE);

    public SegmentName {
        if (firstSeq < 0 || shard < 0) {
            throw new IllegalArgumentException("negative: seq %d, shard %d".formatted(firstSeq, shard));
        }
    }

    /** Returns null if {@code fileName} is not the name of a segment. */
    public static @Nullable SegmentName tryParse(String fileName) {
        Matcher match = FORM.matcher(fileName);
        if (!match.matches() || match.group(1).compareTo(LAST) > 0) {
            return null;
        }
        return new SegmentName(Long.parseLong(match.group(1)), Integer.parseInt(match.group(2)));
    }

    public String fileName() {
        // Called for each file that is opened, where a format string would dominate the cost.
        return padded(firstSeq, 20) + ".shard-" + padded(shard, 5) + ".log";
    }

    private static String padded(long number, int digits) {
        String text = Long.toString(number);
        return "0".repeat(Math.max(0, digits - text.length())) + text;
    }

    @Override
    public int compareTo(SegmentName other) {
        int bySeq = Long.compare(firstSeq, other.firstSeq);
        return bySeq != 0 ? bySeq : Integer.compare(shard, other.shard);
    }
}
