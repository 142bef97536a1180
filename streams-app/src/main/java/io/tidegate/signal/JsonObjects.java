package io.tidegate.signal;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import io.tidegate.signal.ParseResult.Defective;
import java.io.IOException;
import java.util.Arrays;

/**
 * Reads values that must be exactly one JSON object in UTF-8.
 *
 * <p>Separate because each mapping of fields reads such objects in its own way, and all of them must agree on which
 * values are JSON. Every allocation is bounded: nesting, lengths of names and numbers. Thread-safe.
 */
final class JsonObjects {
    /** Reads the fields of an object, from after its opening brace to its end. */
    @FunctionalInterface
    interface FieldReader {
        ParseResult read(JsonParser parser) throws IOException;
    }

    private static final String NOT_JSON = "the value is not valid JSON in UTF-8";
    private static final Defective NOT_READABLE = malformed(NOT_JSON);
    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
    private static final int NUMBER_CHARS_MAX = 1_000;
    /** Without escapes, in UTF-8: Jackson counts bytes. */
    private static final int NAME_BYTES_MAX = 50_000;

    private final JsonFactory json = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(SignalParser.NESTING_MAX)
                    .maxNumberLength(NUMBER_CHARS_MAX)
                    .maxNameLength(NAME_BYTES_MAX)
                    .build())
            // Names are hostile input: do not keep them for the life of the process, and do not fail because of their
            // hashes. (The table of names itself is bounded; without it Jackson would decode the bytes first, which is
            // slower.)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
            .build();

    /** Reads a value that is neither null nor empty. */
    ParseResult read(byte[] value, FieldReader fields) {
        if (!Utf8.isText(value)) {
            return malformed(NOT_JSON);
        }
        if (startsWith(value, BYTE_ORDER_MARK)) {
            // Jackson skips it, but it is not part of JSON (RFC 8259), and other readers reject it.
            return malformed("the value begins with a byte order mark");
        }
        ParseResult result = readText(value, fields);
        byte[] readable = result.equals(NOT_READABLE) ? LoneSurrogates.replacedInNames(value) : null;
        return readable == null ? result : readText(readable, fields);
    }

    private ParseResult readText(byte[] value, FieldReader fields) {
        try (JsonParser parser = json.createParser(value)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return malformed("the value is not a JSON object");
            }
            ParseResult result = fields.read(parser);
            return parser.nextToken() != null ? malformed("something follows the JSON object") : result;
        } catch (StreamConstraintsException e) {
            return malformed("the value exceeds a limit: nesting of %d, names of %d bytes or numbers of %d characters"
                    .formatted(SignalParser.NESTING_MAX, NAME_BYTES_MAX, NUMBER_CHARS_MAX));
        } catch (IOException e) {
            // The parser's own message quotes the content, which must not reach headers or logs.
            return NOT_READABLE;
        }
    }

    private static boolean startsWith(byte[] value, byte[] prefix) {
        return value.length >= prefix.length && Arrays.equals(value, 0, prefix.length, prefix, 0, prefix.length);
    }

    static Defective malformed(String message) {
        return new Defective(Defect.MALFORMED, message);
    }
}
