package io.tidegate.wal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import org.jspecify.annotations.Nullable;

/**
 * When all files of a data directory were last read and checked, and what was found: a line of text in
 * {@code .tidegate/verified}, for people to see on the dashboard. Nothing depends on it.
 *
 * @param records that were whole
 * @param damaged places where something is wrong
 */
public record LastVerify(Instant at, long records, long damaged) {
    /** Writes it; where the directory cannot be written, it stays as it was. */
    public void write(DataDir dir) {
        String line = "at=%s records=%d damaged=%d%n".formatted(at, records, damaged);
        try {
            dir.files().replace(dir.verified(), line.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException | WalException e) {
            // Such as a directory that is mounted to be read alone: the check itself was done.
        }
    }

    /** What was written last; null where nothing was, or where it cannot be understood. */
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
