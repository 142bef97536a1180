package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class BlockEndTest {
    private static final Instant NOW = Instant.parse("2026-06-01T12:00:00Z");

    private static Instant end(String json) {
        return BlockEnd.of((ObjectNode) Json.tree(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8)), NOW);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'for':'PT10M'} | 2026-06-01T12:10:00Z",
                "{'for':'P1D','until':null} | 2026-06-02T12:00:00Z",
                "{'until':'2026-06-01T12:00:00.001Z'} | 2026-06-01T12:00:00.001Z",
                "{'until':'9999-12-31T23:59:59Z'} | 9999-12-31T23:59:59Z"
            })
    void aDurationCountsFromTheServersClock(String json, Instant end) {
        assertThat(end(json)).isEqualTo(end);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'until':'2026-06-01T11:10:00Z'} | until | is in the past (the server's clock: 2026-06-01T12:00:00Z)",
                "{'until':'2026-06-01T12:00:00Z'} | until | is in the past",
                "{'until':'+999999999-12-31T23:59:59Z'} | until | after the year 9999",
                "{'until':'-999999999-12-31T23:59:59Z'} | until | is in the past",
                "{'until':'soon'} | until | is not a time",
                "{'until':7} | until | is not a time",
                "{} | until | is missing",
                "{'until':'2026-06-02T12:00:00Z','for':'PT1H'} | until | send one of them",
                "{'for':'PT0S'} | for | above 0",
                "{'for':'-PT1H'} | for | above 0",
                "{'for':3600} | for | is not a duration",
                "{'for':'P9999999999D'} | for | year 9999",
                "{'for':'PT9223372036854775807S'} | for | above 0"
            })
    void aPastOrOutOfRangeTimeIsABadRequest(String json, String field, String rule) {
        assertThatThrownBy(() -> end(json)).isInstanceOfSatisfying(Problem.class, problem -> {
            assertThat(problem.kind()).isEqualTo(Problem.Kind.BAD_REQUEST);
            assertThat(problem.getMessage()).startsWith(field + ": ").contains(rule);
        });
    }
}
