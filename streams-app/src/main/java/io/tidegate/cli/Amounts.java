package io.tidegate.cli;

import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Amounts in human-readable form: {@code 1GiB}, {@code 100/s}, {@code 30s}. */
final class Amounts {
    private static final Pattern SIZE = Pattern.compile("(\\d+)\\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?");
    private static final Map<String, BigInteger> UNITS = Map.of(
            "B", BigInteger.ONE,
            "KiB", BigInteger.ONE.shiftLeft(10),
            "MiB", BigInteger.ONE.shiftLeft(20),
            "GiB", BigInteger.ONE.shiftLeft(30),
            "TiB", BigInteger.ONE.shiftLeft(40),
            "kB", BigInteger.TEN.pow(3),
            "MB", BigInteger.TEN.pow(6),
            "GB", BigInteger.TEN.pow(9),
            "TB", BigInteger.TEN.pow(12));
    private static final Pattern RATE = Pattern.compile("(\\d+)(?:/s)?");
    private static final Pattern DURATION = Pattern.compile("(\\d+)(ms|s|m|h|d)");
    private static final Pattern WHOLE_NUMBER = Pattern.compile("-?[0-9]+");
    private static final long KIB = 1024;
    private static final int KIB_BITS = 10;

    /** A longer duration is a mistake, and would overflow nanoseconds. */
    private static final Duration DURATION_MAX = Duration.ofDays(36_500);

    private Amounts() {}

    /** Returns a number with its noun, such as {@code 1 segment} or {@code 2 segments}. */
    static String counted(long number, String one, String many) {
        return number + " " + (number == 1 ? one : many);
    }

    /** Parses a size such as {@code 1GiB}, {@code 500MB} or {@code 1024}. */
    static BigInteger bytes(String text) {
        Matcher match = SIZE.matcher(text.trim());
        if (!match.matches()) {
            throw new IllegalArgumentException("'%s' is not a size such as 1GiB, 500MB or 1024".formatted(text));
        }
        String unit = match.group(2) == null ? "B" : match.group(2);
        return new BigInteger(match.group(1)).multiply(UNITS.get(unit));
    }

    /** Parses a byte rate such as {@code 1MiB/s} or {@code 1MiB}. */
    static BigInteger bytesPerSecond(String text) {
        String trimmed = text.trim();
        String size = trimmed.endsWith("/s") ? trimmed.substring(0, trimmed.length() - 2) : trimmed;
        if (!SIZE.matcher(size).matches()) {
            throw new IllegalArgumentException("'%s' is not a rate such as 1MiB/s or 500kB/s".formatted(text));
        }
        return bytes(size);
    }

    /** Parses a rate such as {@code 100/s} or {@code 100}. */
    static long perSecond(String text) {
        Matcher match = RATE.matcher(text.trim());
        if (!match.matches() || match.group(1).length() > 18) {
            throw new IllegalArgumentException("'%s' is not a rate such as 100/s".formatted(text));
        }
        return Long.parseLong(match.group(1));
    }

    /** Parses a duration such as {@code 30s}, {@code 500ms}, {@code 5m}, or ISO {@code PT30S}. */
    static Duration duration(String text) {
        Duration duration = parseDuration(text);
        if (duration.isNegative() || duration.compareTo(DURATION_MAX) > 0) {
            throw new IllegalArgumentException("'%s' is outside 0 to 100 years".formatted(text));
        }
        return duration;
    }

    private static Duration parseDuration(String text) {
        Matcher match = DURATION.matcher(text.trim());
        if (match.matches() && match.group(1).length() <= 12) {
            long amount = Long.parseLong(match.group(1));
            return switch (match.group(2)) {
                case "ms" -> Duration.ofMillis(amount);
                case "s" -> Duration.ofSeconds(amount);
                case "m" -> Duration.ofMinutes(amount);
                case "h" -> Duration.ofHours(amount);
                default -> Duration.ofDays(amount);
            };
        }
        try {
            return Duration.parse(text);
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException(
                    "'%s' is not a duration such as 500ms, 30s, 5m, 12h or 30d".formatted(text), e);
        }
    }

    /** Parses a time such as {@code 2026-11-25T14:30:00Z}, to the millisecond, or an age such as {@code 15m}. */
    static Instant time(String text, Instant now) {
        try {
            return Instant.ofEpochMilli(Instant.parse(text).toEpochMilli());
        } catch (DateTimeParseException | ArithmeticException e) {
            try {
                return now.minus(duration(text));
            } catch (IllegalArgumentException notAgo) {
                throw new IllegalArgumentException(
                        "'%s' is neither a time in UTC such as 2026-11-25T14:30:00Z nor how long ago, such as 15m"
                                .formatted(text),
                        notAgo);
            }
        }
    }

    static String size(long bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        double amount = bytes;
        int unit = 0;
        while (amount >= KIB && unit < units.length - 1) {
            amount /= KIB;
            unit++;
        }
        return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", amount, units[unit]);
    }

    /** Returns an amount without rounding, as an option takes it: in the largest unit of which it is a multiple. */
    static String exactSize(BigInteger bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
        BigInteger amount = bytes;
        int unit = 0;
        while (unit < units.length - 1 && amount.signum() > 0 && amount.getLowestSetBit() >= KIB_BITS) {
            amount = amount.shiftRight(KIB_BITS);
            unit++;
        }
        return amount + " " + units[unit];
    }

    static String orUnlimited(@Nullable Object limit) {
        return limit == null ? "unlimited" : limit.toString();
    }

    static final class DurationConverter implements picocli.CommandLine.ITypeConverter<Duration> {
        @Override
        public Duration convert(String text) {
            try {
                return duration(text);
            } catch (IllegalArgumentException e) {
                throw new picocli.CommandLine.TypeConversionException(e.getMessage());
            }
        }
    }

    /** A time in the past. */
    static final class TimeConverter implements picocli.CommandLine.ITypeConverter<Instant> {
        @Override
        public Instant convert(String text) {
            try {
                return time(text, Instant.now());
            } catch (IllegalArgumentException e) {
                throw new picocli.CommandLine.TypeConversionException(e.getMessage());
            }
        }
    }

    /** Parses a whole number in an option without a unit. */
    static int wholeInt(String text) {
        return (int) whole(text, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    /** Parses a whole number in an option without a unit. */
    static long wholeLong(String text) {
        return whole(text, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    private static long whole(String text, long min, long max) {
        if (!WHOLE_NUMBER.matcher(text).matches()) {
            throw new picocli.CommandLine.TypeConversionException("'%s' is not a whole number".formatted(text));
        }
        BigInteger number = new BigInteger(text);
        if (number.compareTo(BigInteger.valueOf(min)) < 0 || number.compareTo(BigInteger.valueOf(max)) > 0) {
            throw new picocli.CommandLine.TypeConversionException("%s is outside %d to %d".formatted(text, min, max));
        }
        return number.longValue();
    }

    static final class RateConverter implements picocli.CommandLine.ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            try {
                return perSecond(text);
            } catch (IllegalArgumentException e) {
                throw new picocli.CommandLine.TypeConversionException(e.getMessage());
            }
        }
    }

    /** Parses a tenant's id as {@code 42} or in the printed form {@code t42}, or one of its names. */
    static TenantRef tenant(String text) {
        TenantId id = TenantId.tryParse(text.startsWith("t") ? text.substring(1) : text);
        if (id != null) {
            return TenantRef.of(id);
        }
        TenantRef ref = TenantRef.tryParse(text);
        // A text that cannot be a name is meant as an id.
        return ref != null ? ref : TenantRef.of(TenantId.parse(text));
    }

    static final class TenantConverter implements picocli.CommandLine.ITypeConverter<TenantRef> {
        @Override
        public TenantRef convert(String text) {
            try {
                return tenant(text);
            } catch (IllegalArgumentException e) {
                throw new picocli.CommandLine.TypeConversionException(e.getMessage());
            }
        }
    }
}
