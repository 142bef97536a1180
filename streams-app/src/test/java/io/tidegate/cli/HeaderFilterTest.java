package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HeaderFilterTest {
    private static Headers headers() {
        return new RecordHeaders()
                .add("a", "1".getBytes(UTF_8))
                .add("a", "x=y".getBytes(UTF_8))
                .add("none", null)
                .add("ä", "ö".getBytes(UTF_8));
    }

    @ParameterizedTest
    @CsvSource({
        "a=1,true",
        "a=x=y,true",
        "a=2,false",
        "a,true",
        "a=,false",
        "none,true",
        "none=,false",
        "ä=ö,true",
        "b,false"
    })
    void anyOfTheHeadersOfANameCanMatch(String filter, boolean matches) {
        assertThat(HeaderFilter.parse(filter).matches(headers())).isEqualTo(matches);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "=1"})
    void aNameIsNeeded(String filter) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> HeaderFilter.parse(filter))
                .withMessage("'%s' is not a header such as trace-id=7 or trace-id", filter);
    }

    @Test
    void theCommandLineRejectsAnInvalidHeader() {
        Cli run = Cli.run("rejections", "tail", "--header", "=1");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("'=1' is not a header such as");
    }
}
