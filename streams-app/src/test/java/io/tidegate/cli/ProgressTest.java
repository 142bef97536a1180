package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ProgressTest {
    @ParameterizedTest
    @CsvSource({"-1, 0", "0, 0", "NaN, 0", "0.5, 15", "0.99, 30", "1, 30", "7, 30", "Infinity, 30"})
    void drawsABarOfThirty(double done, int filled) {
        assertThat(Progress.bar(done)).isEqualTo("[" + "#".repeat(filled) + "-".repeat(30 - filled) + "]");
    }

    @Test
    void showsOnlyWorkThatTakesAWhile() {
        StringWriter err = new StringWriter();
        AtomicLong nowNanos = new AtomicLong();
        Progress progress = new Progress(new PrintWriter(err, true), "reading", nowNanos::get);

        nowNanos.set(4_999_999_999L);
        progress.bytes(1);
        assertThat(err.toString()).isEmpty();

        nowNanos.set(5_000_000_000L);
        progress.bytes(1);
        progress.done();
        assertThat(err.toString()).isEqualToNormalizingNewlines("reading: 2 B\n");
    }
}
