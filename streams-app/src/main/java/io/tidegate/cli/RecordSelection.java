package io.tidegate.cli;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that select records by time and headers. */
final class RecordSelection {
    @Option(
            names = "--since",
            paramLabel = "TIME",
            converter = Amounts.TimeConverter.class,
            description = "Only records from this time on: 2026-11-25T14:30:00Z, or an age such as 15m.")
    private @Nullable Instant since;

    @Option(
            names = "--until",
            paramLabel = "TIME",
            converter = Amounts.TimeConverter.class,
            description = "Only records before this time, in the same forms.")
    private @Nullable Instant until;

    @Option(
            names = "--header",
            paramLabel = "NAME[=VALUE]",
            converter = HeaderFilter.Converter.class,
            description = "Only records with this header; can be repeated, then all must match.")
    private List<HeaderFilter> headers = new ArrayList<>();

    /** Returns the earliest time, inclusive; null = from the beginning. */
    @Nullable
    Instant since() {
        return since;
    }

    /** Returns the latest time, exclusive; null = no end. */
    @Nullable
    Instant until() {
        return until;
    }

    boolean hasTime(long timestampMs) {
        return (since == null || timestampMs >= since.toEpochMilli())
                && (until == null || timestampMs < until.toEpochMilli());
    }

    boolean hasHeaders(Headers of) {
        return headers.stream().allMatch(header -> header.matches(of));
    }
}
