package io.tidegate.cli;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

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

    /** @throws ParameterException if no time can be in the range */
    static void check(
            CommandLine command, @Nullable Instant since, @Nullable Instant until, String sinceName, String untilName) {
        if (since != null && until != null && !since.isBefore(until)) {
            throw new ParameterException(
                    command, "%s %s is not before %s %s".formatted(sinceName, since, untilName, until));
        }
    }

    /** @throws ParameterException if no time can be in the range, or if one is given for new records */
    void check(CommandLine command, boolean follow) {
        if (follow && until != null) {
            throw new ParameterException(
                    command, "--until selects existing records, so it cannot be combined with --follow");
        }
        check(command, since, until, "--since", "--until");
    }

    boolean hasTime(long timestampMs) {
        return (since == null || timestampMs >= since.toEpochMilli())
                && (until == null || timestampMs < until.toEpochMilli());
    }

    boolean hasHeaders(Headers of) {
        return headers.stream().allMatch(header -> header.matches(of));
    }
}
