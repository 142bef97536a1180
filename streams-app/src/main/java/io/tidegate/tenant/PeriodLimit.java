package io.tidegate.tenant;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.math.BigInteger;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A limit for each calendar period of one length, in UTC and by record time.
 *
 * @param per the length of the periods
 * @param maxSignals accepted signals (u64); null = unlimited
 * @param maxBytes bytes of accepted values (u64); null = unlimited
 */
@JsonPropertyOrder({"per", "max_signals", "max_bytes"})
public record PeriodLimit(
        @JsonProperty("per") Per per,
        @JsonProperty("max_signals") @Nullable BigInteger maxSignals,
        @JsonProperty("max_bytes") @Nullable BigInteger maxBytes) {

    /** The calendar periods, by length. Numbered from 1970-01-01T00:00Z, which is in period 0. Integers only. */
    public enum Per {
        @JsonProperty("hour")
        HOUR,
        @JsonProperty("day")
        DAY,
        @JsonProperty("month")
        MONTH;

        public static final Per[] ALL = values();

        private static final long HOUR_MS = 3_600_000;
        private static final long DAY_MS = 24 * HOUR_MS;
        private static final int MONTHS = 12;

        /**
         * The days of 400 years, after which the calendar repeats. Years start in March here, so that their leap day is
         * the last.
         */
        private static final long DAYS_OF_ERA = 146_097;

        private static final long YEARS_OF_ERA = 400;
        private static final long DAYS_BEFORE_1970 = 719_468;

        private final String id = name().toLowerCase(Locale.ROOT);

        public String id() {
            return id;
        }

        /**
         * Returns the number of the period that contains a time.
         *
         * @param atMs since the epoch, not negative
         */
        public long indexOf(long atMs) {
            return switch (this) {
                case HOUR -> atMs / HOUR_MS;
                case DAY -> atMs / DAY_MS;
                case MONTH -> monthOf(atMs / DAY_MS);
            };
        }

        /** Returns the start of a period, in ms since the epoch. */
        public long startOf(long index) {
            return switch (this) {
                case HOUR -> Math.multiplyExact(index, HOUR_MS);
                case DAY -> Math.multiplyExact(index, DAY_MS);
                case MONTH -> Math.multiplyExact(firstDayOf(index), DAY_MS);
            };
        }

        /**
         * Returns the time until the next period begins, in ms.
         *
         * @param atMs since the epoch, not negative
         */
        public long leftMs(long atMs) {
            return switch (this) {
                case HOUR -> HOUR_MS - atMs % HOUR_MS;
                case DAY -> DAY_MS - atMs % DAY_MS;
                case MONTH -> {
                    long day = atMs / DAY_MS;
                    yield (firstDayOf(monthOf(day) + 1) - day) * DAY_MS - atMs % DAY_MS;
                }
            };
        }

        /**
         * Returns the months since 1970-01 of a day since 1970-01-01, after Hinnant, "chrono-compatible low-level date
         * algorithms".
         */
        private static long monthOf(long day) {
            long shifted = day + DAYS_BEFORE_1970;
            long era = shifted / DAYS_OF_ERA;
            long dayOfEra = shifted % DAYS_OF_ERA;
            long yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
            long dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
            long fromMarch = (5 * dayOfYear + 2) / 153;
            return (era * YEARS_OF_ERA + yearOfEra - 1970) * MONTHS + fromMarch + 2;
        }

        private static long firstDayOf(long month) {
            long fromMarch = month - 2 + 1970 * MONTHS;
            long year = Math.floorDiv(fromMarch, MONTHS);
            long monthOfYear = Math.floorMod(fromMarch, (long) MONTHS);
            long era = year / YEARS_OF_ERA;
            long yearOfEra = year % YEARS_OF_ERA;
            long dayOfYear = (153 * monthOfYear + 2) / 5;
            return era * DAYS_OF_ERA + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - DAYS_BEFORE_1970;
        }
    }

    @JsonCreator
    public PeriodLimit {
        if (per == null) {
            throw new IllegalArgumentException("per is missing: hour, day or month");
        }
        check(per, "max_signals", maxSignals);
        check(per, "max_bytes", maxBytes);
        if (maxSignals == null && maxBytes == null) {
            throw new IllegalArgumentException("a period (%s) needs max_signals or max_bytes".formatted(per.id()));
        }
    }

    private static void check(Per per, String field, @Nullable BigInteger value) {
        if (value != null && (value.signum() < 0 || value.compareTo(TenantConfig.U64_MAX) > 0)) {
            throw new IllegalArgumentException(
                    "%s = %s per %s is outside 0 to %s".formatted(field, value, per.id(), TenantConfig.U64_MAX));
        }
    }

    /** {@link #maxSignals} as a long. If it does not fit, or is unlimited, a number that no tenant reaches. */
    @JsonIgnore
    public long signalsMax() {
        return TenantConfig.saturated(maxSignals);
    }

    /** {@link #maxBytes} as a long, like {@link #signalsMax}. */
    @JsonIgnore
    public long bytesMax() {
        return TenantConfig.saturated(maxBytes);
    }
}
