package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidegate.tenant.PeriodLimit.Per;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PeriodLimitTest {
    private static LocalDateTime begin(Per per, LocalDateTime time) {
        return switch (per) {
            case HOUR -> time.truncatedTo(ChronoUnit.HOURS);
            case DAY -> time.truncatedTo(ChronoUnit.DAYS);
            case MONTH -> time.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(1);
        };
    }

    private static long ms(LocalDateTime time) {
        return time.toInstant(ZoneOffset.UTC).toEpochMilli();
    }

    private static void agrees(long atMs) {
        LocalDateTime time = LocalDateTime.ofEpochSecond(
                Math.floorDiv(atMs, 1000L), (int) (atMs % 1000) * 1_000_000, ZoneOffset.UTC);
        for (Per per : Per.ALL) {
            LocalDateTime begin = begin(per, time);
            LocalDateTime end = per == Per.MONTH
                    ? begin.plusMonths(1)
                    : begin.plus(1, per == Per.DAY ? ChronoUnit.DAYS : ChronoUnit.HOURS);
            long index = per.indexOf(atMs);
            assertThat(per.startOf(index)).as("%s of %s", per, time).isEqualTo(ms(begin));
            assertThat(per.leftMs(atMs)).as("%s of %s", per, time).isEqualTo(ms(end) - atMs);
            assertThat(per.indexOf(ms(end))).as("%s after %s", per, time).isEqualTo(index + 1);
            assertThat(per.indexOf(ms(end) - 1)).as("%s of %s", per, time).isEqualTo(index);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1970-01-01T00:00:00",
                "2000-02-29T23:59:59",
                "2026-11-30T23:59:59",
                "2028-02-29T12:00:00",
                "2100-02-28T23:59:59",
                "9999-12-31T23:00:00"
            })
    void periodsAreThoseOfTheCalendar(String time) {
        agrees(ms(LocalDateTime.parse(time)));
        assertThat(Per.MONTH.indexOf(0)).isZero();
    }

    @Test
    void periodsAreThoseOfTheCalendarAtAnyTime() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 20_000; i++) {
            agrees(random.nextLong(253_402_300_799_999L));
        }
        for (Per per : Per.ALL) {
            assertThat(per.indexOf(Long.MAX_VALUE)).isPositive();
            assertThat(per.leftMs(Long.MAX_VALUE)).isPositive();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            [{'per':'week','max_signals':1}]    | is not one of hour, day, month
            [{'max_signals':1}]                 | per is missing
            [{'per':'day'}]                     | needs max_signals or max_bytes
            [{'per':'day','max_bytes':-1}]      | max_bytes = -1 per day is outside 0 to 18446744073709551615
            [{'per':'day','max_signals':1.5}]   | 1.5 is not a whole number
            [{'per':'day','max_bytes':1,'max':1}] | unknown field 'max'
            [null]                              | periods has an entry that is null
            {'per':'day','max_signals':1}       | is not a list
            [{'per':'day','max_signals':1},{'per':'day','max_bytes':1}] | periods has more than one entry per day
            """)
    void aLimitThatBreaksARuleIsRejectedWithTheFieldAndTheRule(String periods, String message) {
        String json = "{'tenant_id':42,'periods':" + periods + "}";
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        TenantConfigJson.parse(json.replace((char) 39, '"').getBytes(StandardCharsets.UTF_8)))
                .withMessageContaining(message);
    }
}
