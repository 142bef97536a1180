package io.tidegate.cli;

import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.TenantConfig;
import java.math.BigInteger;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that set the fields of a config, of a tenant or of a plan. */
final class LimitOptions {
    private static final Pattern PERIOD = Pattern.compile("(hour|day|month)=(\\d{0,20})(?:,(.+))?");

    @Option(names = "--rate", paramLabel = "N/s", description = "Signals per second; 0 rejects all.")
    private @Nullable String rate;

    @Option(names = "--burst", paramLabel = "N", description = "Size of the bucket in signals.")
    private @Nullable Long burst;

    @Option(
            names = "--byte-rate",
            paramLabel = "SIZE/s",
            description = "Bytes of values per second, such as 1MiB/s; 0 rejects all.")
    private @Nullable String byteRate;

    @Option(
            names = "--byte-burst",
            paramLabel = "SIZE",
            description = "Size of the byte bucket, such as 4MiB; a larger signal is rejected.")
    private @Nullable String byteBurst;

    @Option(names = "--signal-size", paramLabel = "SIZE", description = "Bytes of the largest value, such as 64KiB.")
    private @Nullable String signalSize;

    @Option(
            names = "--period",
            paramLabel = "PER=N[,SIZE]",
            description =
                    "Signals and bytes in a calendar hour, day or month (UTC), such as day=100000,10GiB or month=,1TiB;"
                            + " can be repeated.")
    private @Nullable List<String> periods;

    @Option(names = "--entities", paramLabel = "N", description = "Distinct items, users and creators together.")
    private @Nullable BigInteger entities;

    @Option(names = "--items", paramLabel = "N", description = "Distinct items.")
    private @Nullable BigInteger items;

    @Option(names = "--users", paramLabel = "N", description = "Distinct users.")
    private @Nullable BigInteger users;

    @Option(names = "--creators", paramLabel = "N", description = "Distinct creators.")
    private @Nullable BigInteger creators;

    @Option(
            names = "--entity-idle-ttl",
            paramLabel = "TIME",
            description =
                    "An entity that no signal names for so long does not count any more, such as 30d, 12h or P30D.")
    private @Nullable String entityIdleTtl;

    @Option(names = "--storage", paramLabel = "SIZE", description = "Bytes of sealed WAL segments, such as 1GiB.")
    private @Nullable String storage;

    @Option(
            names = "--region",
            paramLabel = "NAME",
            description = "Where the data must reside; can be repeated, replaces all.")
    private @Nullable List<String> regions;

    @Option(names = "--label", paramLabel = "TEXT", description = "A name for people.")
    private @Nullable String label;

    @Option(names = "--mode", paramLabel = "MODE", description = "enforce, or observe: count but accept.")
    private TenantConfig.@Nullable Mode mode;

    @Option(names = "--blocked-until", paramLabel = "TIME", description = "Reject everything until then (ISO, UTC).")
    private @Nullable String blockedUntil;

    boolean namesAny() {
        return Stream.of(
                        rate,
                        burst,
                        byteRate,
                        byteBurst,
                        signalSize,
                        periods,
                        entities,
                        items,
                        users,
                        creators,
                        entityIdleTtl,
                        storage,
                        regions,
                        label,
                        mode,
                        blockedUntil)
                .anyMatch(Objects::nonNull);
    }

    /** Whether the rate is named and the burst is not: the burst that was set before stays. */
    boolean keepsBurst() {
        return rate != null && burst == null;
    }

    /**
     * The config with the fields that are named.
     *
     * @throws IllegalArgumentException naming the option or field, its value and the rule that it breaks
     */
    TenantConfig apply(TenantConfig base) {
        return base.toBuilder()
                .maxSignalsPerSec(rate == null ? base.maxSignalsPerSec() : amount("--rate", rate, Amounts::perSecond))
                .burstSignals(burst == null ? base.burstSignals() : burst)
                .maxBytesPerSec(
                        byteRate == null
                                ? base.maxBytesPerSec()
                                : amount("--byte-rate", byteRate, Amounts::bytesPerSecond))
                .burstBytes(byteBurst == null ? base.burstBytes() : amount("--byte-burst", byteBurst, Amounts::bytes))
                .maxSignalBytes(
                        signalSize == null
                                ? base.maxSignalBytes()
                                : amount("--signal-size", signalSize, LimitOptions::u32))
                .periods(periods == null ? base.periods() : periods(base.periods(), periods))
                .maxEntities(entities == null ? base.maxEntities() : entities)
                .maxItems(items == null ? base.maxItems() : items)
                .maxUsers(users == null ? base.maxUsers() : users)
                .maxCreators(creators == null ? base.maxCreators() : creators)
                .entityIdleTtl(
                        entityIdleTtl == null
                                ? base.entityIdleTtl()
                                : amount("--entity-idle-ttl", entityIdleTtl, Amounts::duration))
                .maxStorageBytes(
                        storage == null ? base.maxStorageBytes() : amount("--storage", storage, Amounts::bytes))
                .requiredRegions(regions == null ? base.requiredRegions() : regions)
                .label(label == null ? base.label() : label)
                .mode(mode == null ? base.mode() : mode)
                .blockedUntil(blockedUntil == null ? base.blockedUntil() : time(blockedUntil))
                .build();
    }

    /** The limits with those that are named; the others stay. */
    private static List<PeriodLimit> periods(List<PeriodLimit> before, List<String> named) {
        Map<PeriodLimit.Per, PeriodLimit> limits = new EnumMap<>(PeriodLimit.Per.class);
        before.forEach(limit -> limits.put(limit.per(), limit));
        Set<PeriodLimit.Per> seen = EnumSet.noneOf(PeriodLimit.Per.class);
        for (String text : named) {
            PeriodLimit limit = amount("--period", text, LimitOptions::period);
            if (!seen.add(limit.per())) {
                throw new IllegalArgumentException(
                        "--period: %s is named twice".formatted(limit.per().id()));
            }
            limits.put(limit.per(), limit);
        }
        return List.copyOf(limits.values());
    }

    private static PeriodLimit period(String text) {
        Matcher match = PERIOD.matcher(text.trim());
        if (!match.matches()) {
            throw new IllegalArgumentException(
                    "'%s' is not a limit such as hour=1000, day=100000,10GiB or month=,1TiB".formatted(text));
        }
        PeriodLimit.Per per = PeriodLimit.Per.valueOf(match.group(1).toUpperCase(Locale.ROOT));
        String signals = match.group(2);
        String size = match.group(3);
        return new PeriodLimit(
                per, signals.isEmpty() ? null : new BigInteger(signals), size == null ? null : Amounts.bytes(size));
    }

    private static <T> T amount(String option, String text, Function<String, T> read) {
        try {
            return read.apply(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("%s: %s".formatted(option, e.getMessage()), e);
        }
    }

    private static long u32(String text) {
        BigInteger bytes = Amounts.bytes(text);
        if (bytes.compareTo(BigInteger.valueOf(TenantConfig.U32_MAX)) > 0) {
            throw new IllegalArgumentException(
                    "%s is above the largest limit, %d bytes".formatted(text, TenantConfig.U32_MAX));
        }
        return bytes.longValue();
    }

    private static Instant time(String text) {
        try {
            return Instant.parse(text);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    "--blocked-until: '%s' is not a time such as 2026-01-31T12:00:00Z".formatted(text), e);
        }
    }
}
