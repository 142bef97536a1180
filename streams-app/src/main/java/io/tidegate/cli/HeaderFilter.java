package io.tidegate.cli;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Selects records with a header, and optionally with a value of it. If there are several headers of the name, any of them can
 * match.
 */
record HeaderFilter(String name, @Nullable String value) {
    static HeaderFilter parse(String text) {
        int equals = text.indexOf('=');
        String name = equals < 0 ? text : text.substring(0, equals);
        if (name.isEmpty()) {
            throw new IllegalArgumentException("'%s' is not a header such as trace-id=7 or trace-id".formatted(text));
        }
        return new HeaderFilter(name, equals < 0 ? null : text.substring(equals + 1));
    }

    boolean matches(Headers headers) {
        byte[] wanted = value == null ? null : value.getBytes(StandardCharsets.UTF_8);
        for (Header header : headers.headers(name)) {
            if (wanted == null || Arrays.equals(wanted, header.value())) {
                return true;
            }
        }
        return false;
    }

    static final class Converter implements ITypeConverter<HeaderFilter> {
        @Override
        public HeaderFilter convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
