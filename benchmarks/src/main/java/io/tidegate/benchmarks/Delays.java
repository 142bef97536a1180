package io.tidegate.benchmarks;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

/** A histogram of the delays of signals, to a tenth of a millisecond. Thread-safe. */
final class Delays {
    private static final long BUCKET_MICROS = 100;
    private static final int BUCKETS = (int) (Duration.ofSeconds(60).toMillis() * 1000 / BUCKET_MICROS);

    private final long[] counts = new long[BUCKETS];
    private long count;

    synchronized void add(long micros) {
        counts[(int) Math.max(0, Math.min(BUCKETS - 1, micros / BUCKET_MICROS))]++;
        count++;
    }

    synchronized long count() {
        return count;
    }

    synchronized void clear() {
        Arrays.fill(counts, 0);
        count = 0;
    }

    /** The delay in milliseconds that a share of the signals, from 0 to 1, did not exceed. */
    synchronized double ms(double share) {
        long wanted = (long) Math.ceil(share * count);
        long seen = 0;
        for (int i = 0; i < counts.length; i++) {
            seen += counts[i];
            if (seen >= wanted && count > 0) {
                return (i + 1) * BUCKET_MICROS / 1e3;
            }
        }
        return Double.NaN;
    }

    String json() {
        return String.format(
                Locale.ROOT,
                "{\"count\":%d,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"p999_ms\":%.1f}",
                count(),
                ms(0.5),
                ms(0.99),
                ms(0.999));
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms (%,d signals)",
                ms(0.5),
                ms(0.99),
                ms(0.999),
                count());
    }
}
