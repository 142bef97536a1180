package io.tidegate.cli;

import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.SignalLimit;
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
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that set the fields of a config of a tenant or a plan. */
final class LimitOptions {
    /** The value that removes a limit, even if the plan has one. */
    static final String UNLIMITED = "unlimited";

    private static final Pattern COUNT = Pattern.compile("-?\\d{1,30}");

    /** The type may contain equals signs. */
    private static final Pattern SIGNAL = Pattern.compile("(.+)=(?:(\\d+(?:/s)?)(?:,(\\d+))?)?");

    private static final Pattern PERIOD = Pattern.compile("(hour|day|month)=(\\d{0,30})(?:,(.*))?");

    @Option(
            names = "--rate",
            paramLabel = "N/s",
            description = "Signals per second; 0 rejects all, unlimited overrides the plan's limit.")
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

    @Option(
            names = "--signal",
            paramLabel = "TYPE=N/s[,BURST]",
            description =
                    "Signals per second of one type, such as click=10/s,20; can be repeated. TYPE= removes the limit.")
    private @Nullable List<String> signals;

    @Option(names = "--entities", paramLabel = "N", description = "Distinct items, users and creators together.")
    private @Nullable String entities;

    @Option(names = "--items", paramLabel = "N", description = "Distinct items.")
    private @Nullable String items;

    @Option(names = "--users", paramLabel = "N", description = "Distinct users.")
    private @Nullable String users;

    @Option(names = "--creators", paramLabel = "N", description = "Distinct creators.")
    private @Nullable String creators;

    @Option(
            names = "--entity-idle-ttl",
            paramLabel = "TIME",
            description = "An entity that no signal names for this long no longer counts, such as 30d, 12h or P30D.")
    private @Nullable String entityIdleTtl;

    @Option(names = "--storage", paramLabel = "SIZE", description = "Bytes of sealed WAL segments, such as 1GiB.")
    private @Nullable String storage;

    @Option(
            names = "--region",
            paramLabel = "NAME",
            description = "The region in which the data must reside; can be repeated, replaces all regions.")
    private @Nullable List<String> regions;

    @Option(names = "--label", paramLabel = "TEXT", description = "A human-readable name.")
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
                        signals,
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

    /** Returns whether the rate is given and the burst is not: then an earlier burst stays. */
    boolean keepsBurst() {
        return rate != null && burst == null;
    }

    /**
     * Returns the config with the given fields changed. {@code unlimited} instead of a value removes the limit, even if the
     * plan has one.
     *
     * @throws IllegalArgumentException naming the option or field, its value and the rule that it breaks
     */
    TenantConfig apply(TenantConfig base) {
        return base.toBuilder()
                .maxSignalsPerSec(value("--rate", rate, base.maxSignalsPerSec(), Amounts::perSecond))
                .burstSignals(burst == null ? base.burstSignals() : burst)
                .maxBytesPerSec(value("--byte-rate", byteRate, base.maxBytesPerSec(), Amounts::bytesPerSecond))
                .burstBytes(byteBurst == null ? base.burstBytes() : amount("--byte-burst", byteBurst, Amounts::bytes))
                .maxSignalBytes(value("--signal-size", signalSize, base.maxSignalBytes(), LimitOptions::u32))
                .periods(
                        periods == null
                                ? base.periods()
                                : areUnlimited(periods) ? List.of() : periods(base.periods(), periods))
                .signals(
                        signals == null
                                ? base.signals()
                                : areUnlimited(signals) ? Map.of() : signals(base.signals(), signals))
                .maxEntities(value("--entities", entities, base.maxEntities(), LimitOptions::count))
                .maxItems(value("--items", items, base.maxItems(), LimitOptions::count))
                .maxUsers(value("--users", users, base.maxUsers(), LimitOptions::count))
                .maxCreators(value("--creators", creators, base.maxCreators(), LimitOptions::count))
                .entityIdleTtl(value("--entity-idle-ttl", entityIdleTtl, base.entityIdleTtl(), Amounts::duration))
                .maxStorageBytes(value("--storage", storage, base.maxStorageBytes(), Amounts::bytes))
                .requiredRegions(regions == null ? base.requiredRegions() : regions)
                .label(label == null ? base.label() : label)
                .mode(mode == null ? base.mode() : mode)
                .blockedUntil(blockedUntil == null ? base.blockedUntil() : time(blockedUntil))
                .unlimited(unlimited(base.unlimited()))
                .build();
    }

    /** Returns the fields that are unlimited afterwards: a field that is given is unlimited only if its value says so. */
    private Set<String> unlimited(List<String> before) {
        Set<String> fields = new TreeSet<>(before);
        note(fields, "max_signals_per_sec", rate);
        note(fields, "max_bytes_per_sec", byteRate);
        note(fields, "max_signal_bytes", signalSize);
        note(fields, "periods", periods == null ? null : areUnlimited(periods) ? UNLIMITED : "");
        note(fields, "signals", signals == null ? null : areUnlimited(signals) ? UNLIMITED : "");
        note(fields, "max_entities", entities);
        note(fields, "max_items", items);
        note(fields, "max_users", users);
        note(fields, "max_creators", creators);
        note(fields, TenantConfig.ENTITY_IDLE_TTL, entityIdleTtl);
        note(fields, "max_storage_bytes", storage);
        return fields;
    }

    private static void note(Set<String> fields, String field, @Nullable String text) {
        if (text != null && text.equals(UNLIMITED)) {
            fields.add(field);
        } else if (text != null) {
            fields.remove(field);
        }
    }

    private static boolean areUnlimited(List<String> texts) {
        return texts.equals(List.of(UNLIMITED));
    }

    private static <T> @Nullable T value(
            String option, @Nullable String text, @Nullable T before, Function<String, T> read) {
        if (text == null) {
            return before;
        }
        return text.equals(UNLIMITED) ? null : amount(option, text, read);
    }

    private static BigInteger count(String text) {
        if (!COUNT.matcher(text).matches()) {
            throw new IllegalArgumentException("'%s' is not a whole number such as 1000".formatted(text));
        }
        return new BigInteger(text);
    }

    /** Returns the limits with the given ones changed. */
    private static Map<String, SignalLimit> signals(Map<String, SignalLimit> before, List<String> named) {
        Map<String, SignalLimit> limits = new TreeMap<>(before);
        Set<String> seen = new TreeSet<>();
        for (String text : named) {
            Matcher match = SIGNAL.matcher(text);
            if (!match.matches()) {
                throw new IllegalArgumentException(
                        "--signal: '%s' is not a limit such as click=10/s or click=10/s,20".formatted(text));
            }
            String type = match.group(1);
            String perSecond = match.group(2);
            String size = match.group(3);
            if (!seen.add(type)) {
                throw new IllegalArgumentException("--signal: %s is named twice".formatted(type));
            }
            if (perSecond == null) {
                limits.remove(type);
            } else {
                limits.put(
                        type,
                        amount(
                                "--signal",
                                perSecond,
                                number -> new SignalLimit(
                                        Amounts.perSecond(number), size == null ? null : Amounts.perSecond(size))));
            }
        }
        return limits;
    }

    /** Returns the limits with the given ones changed. */
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
