package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourcePositionTest {
    private static final SourcePosition POSITION = new SourcePosition("my.signals_1-a", 3, 81_920L);

    @Test
    void readsWhatItPrints() {
        assertThat(POSITION).hasToString("my.signals_1-a/3/81920");
        assertThat(SourcePosition.tryParse(POSITION.toString())).isEqualTo(POSITION);
        SourcePosition last = new SourcePosition("t", Integer.MAX_VALUE, Long.MAX_VALUE);
        assertThat(SourcePosition.tryParse(last.toString())).isEqualTo(last);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "t", "t/1", "t/1/2/3", "t/x/1", "t/1/x", "t//1", "t/1/", "t/1/1.5", "t/4294967296/1"})
    void isNullForAnotherForm(String text) {
        assertThat(SourcePosition.tryParse(text)).isNull();
    }

    @Test
    void isNullForNull() {
        assertThat(SourcePosition.tryParse(null)).isNull();
    }

    @Test
    void isFoundInTheOneHeaderBetweenTheStages() {
        Headers headers = new RecordHeaders();
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE, POSITION.toString());
        assertThat(SourcePosition.in(headers)).isEqualTo(POSITION);
    }

    @Test
    void isFoundInTheThreeHeadersOfARejectedRecord() {
        Headers headers = new RecordHeaders();
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE_TOPIC, "my.signals_1-a");
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE_PARTITION, "3");
        assertThat(SourcePosition.in(headers)).isNull();
        TidegateHeaders.set(headers, TidegateHeaders.SOURCE_OFFSET, "81920");
        assertThat(SourcePosition.in(headers)).isEqualTo(POSITION);
    }

    @Test
    void isNullWhereARecordCarriesNone() {
        assertThat(SourcePosition.in(new RecordHeaders())).isNull();
    }
}
