package io.tidegate.api;

import io.tidegate.http.Problem;
import java.time.DateTimeException;
import java.time.Instant;

/** Times in requests. */
final class Times {
    private Times() {}

    /**
     * Parses a time to the millisecond, the precision of a record's timestamp.
     *
     * @throws Problem if it is not a time, or too far from now for a timestamp
     */
    static long millis(String field, String text) {
        try {
            return Instant.parse(text).toEpochMilli();
        } catch (DateTimeException | ArithmeticException e) {
            throw Problem.badField(Problem.Kind.BAD_REQUEST, field, "is not a time such as 2026-01-31T12:00:00Z");
        }
    }
}
