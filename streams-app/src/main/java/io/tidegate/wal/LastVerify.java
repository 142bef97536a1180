package io.tidegate.wal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import org.jspecify.annotations.Nullable;

/**
 * Time and result of the last full check of a data directory: a line of text in {@code .tidegate/verified}, shown on
 * the dashboard. Nothing depends on it.
 *
 * @param records the number of valid records
 * @param damaged the number of damaged places
 */
public record LastVerify(Instant at, long records, long damaged) {
    /** Writes the line. Ignores a failure and leaves the old line in place. */
    public void write(DataDir dir) {
        String line = "at=%s records=%d damaged=%d%n".formatted(at, records, damaged);
        try {
            dir.files().replace(dir.verified(), line.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException | WalException e) {
            // Such as a directory that is mounted read-only: the check itself succeeded.
        }
    }

    /** Reads the line; null if there is none, or if it is malformed. */
    public static @Nullable LastVerify read(DataDir dir) {
        Path path = dir.verified();
        try {
            String[] fields = Files.isRegularFile(path)
                    ? Files.readString(path, StandardCharsets.US_ASCII).strip().split(" ", -1)
                    : new String[0];
            return fields.length != 3
                    ? null
                    : new LastVerify(
                            Instant.parse(value(fields[0])),
                            Long.parseLong(value(fields[1])),
                            Long.parseLong(value(fields[2])));
        } catch (IOException | DateTimeParseException | NumberFormatException e) {
            return null;
        }
    }

    private static String value(String field) {
        return field.substring(field.indexOf('=') + 1);
    }
}
