package io.tidegate.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.http.Problem;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;

/**
 * The end of a block, given as a time or as a duration from now on. Uses the server's clock, so that a client with a wrong
 * clock does not block too briefly, or not at all.
 */
final class BlockEnd {
    private static final Instant YEAR_10000 = Instant.parse("+10000-01-01T00:00:00Z");

    private BlockEnd() {}

    /** @throws Problem naming the field and the rule */
    static Instant of(ObjectNode body, Instant now) {
        if (body.hasNonNull("for") && body.hasNonNull("until")) {
            throw badField("until", "cannot be combined with for; send one of them");
        }
        if (!body.hasNonNull("for") && !body.hasNonNull("until")) {
            throw badField("until", "is missing; send either until with a time, or for with a duration such as PT1H");
        }
        return body.hasNonNull("for") ? after(body.get("for"), now) : at(body.get("until"), now);
    }

    private static Instant after(JsonNode length, Instant now) {
        try {
            Duration duration = Duration.parse(length.isTextual() ? length.asText() : "");
            if (!duration.isNegative() && !duration.isZero()) {
                return inRange("for", now.plus(duration));
            }
        } catch (DateTimeException | ArithmeticException e) {
            // reported below
        }
        throw badField("for", "is not a duration above 0 such as PT30M, PT2H or P1D");
    }

    private static Instant at(JsonNode time, Instant now) {
        Instant until;
        try {
            until = Instant.parse(time.isTextual() ? time.asText() : "");
        } catch (DateTimeException e) {
            throw badField("until", "is not a time such as 2026-01-31T12:00:00Z");
        }
        if (!until.isAfter(now)) {
            throw badField(
                    "until",
                    "%s is in the past (the server's clock: %s); send a later time, or for with a duration"
                            .formatted(until, now));
        }
        return inRange("until", until);
    }

    private static Instant inRange(String field, Instant until) {
        if (!until.isBefore(YEAR_10000)) {
            throw badField(field, "ends after the year 9999");
        }
        return until;
    }

    private static Problem badField(String field, String rule) {
        return Problem.badField(Problem.Kind.BAD_REQUEST, field, rule);
    }
}
