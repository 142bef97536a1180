package io.tidegate.tenant;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Describes syntax and schema errors in JSON: the field and the rule, in Tidegate's words. Jackson's own messages name
 * Java classes and its options, which mean nothing to the author of the JSON, and quote values of any length.
 */
public final class JsonFaults {
    private static final int QUOTED_MAX = 60;
    private static final Pattern MISSING = Pattern.compile("Missing required creator property '([^']+)'");
    private static final Pattern DUPLICATE = Pattern.compile("Duplicate [Ff]ield '(.*)'", Pattern.DOTALL);

    private JsonFaults() {}

    /** Describes a failure to read JSON. */
    public static String describe(IOException failure) {
        return describe(failure, Set.of());
    }

    /**
     * Describes a failure to read JSON.
     *
     * @param excluded fields that the type has and that are not allowed here
     */
    static String describe(IOException failure, Collection<String> excluded) {
        if (failure instanceof UnrecognizedPropertyException unknown) {
            return "%sunknown field '%s'; known: %s"
                    .formatted(
                            within(unknown),
                            quoted(unknown.getPropertyName()),
                            unknown.getKnownPropertyIds().stream()
                                    .map(Object::toString)
                                    .filter(field -> !excluded.contains(field))
                                    .sorted()
                                    .collect(Collectors.joining(", ")));
        }
        if (failure instanceof JsonMappingException mapping) {
            return describe(mapping);
        }
        return "not JSON: " + (failure instanceof JsonProcessingException json ? syntax(json) : "it cannot be read");
    }

    private static String describe(JsonMappingException failure) {
        Matcher missing = MISSING.matcher(failure.getOriginalMessage());
        if (missing.find()) {
            return missing.group(1) + ": is missing";
        }
        Matcher twice = DUPLICATE.matcher(failure.getOriginalMessage());
        if (twice.find()) {
            return "not JSON: the field '%s' occurs twice".formatted(quoted(twice.group(1)));
        }
        String field = field(failure.getPath());
        if (field.isEmpty() && isOwnRule(failure.getCause())) {
            return rule(failure); // names the config's owner
        }
        return "%s: %s".formatted(field.isEmpty() ? "config" : field, rule(failure));
    }

    /** Returns the path to the object that has an unknown field, with a colon; empty if it is the config itself. */
    private static String within(UnrecognizedPropertyException failure) {
        List<JsonMappingException.Reference> path = failure.getPath();
        String field = field(path.subList(0, Math.max(0, path.size() - 1)));
        return field.isEmpty() ? "" : field + ": ";
    }

    /** Returns the path to the field; empty if the failure is that of the whole config. */
    private static String field(List<JsonMappingException.Reference> path) {
        StringBuilder field = new StringBuilder();
        for (JsonMappingException.Reference step : path) {
            if (step.getFieldName() != null) {
                field.append(field.isEmpty() ? "" : ".").append(quoted(step.getFieldName()));
            }
        }
        return field.toString();
    }

    /** Returns whether the constructor of one of Tidegate's records failed. */
    private static boolean isOwnRule(@Nullable Throwable cause) {
        return cause instanceof IllegalArgumentException && !(cause instanceof NumberFormatException);
    }

    private static String rule(JsonMappingException failure) {
        Throwable cause = failure.getCause();
        if (isOwnRule(cause)) {
            return String.valueOf(cause.getMessage());
        }
        if (cause instanceof JsonProcessingException syntax
                && !(cause instanceof JsonMappingException)
                && !(cause instanceof InputCoercionException)) {
            return syntax(syntax);
        }
        if (failure instanceof MismatchedInputException mismatch) {
            return found(failure) + expected(mismatch.getTargetType());
        }
        if (cause instanceof InputCoercionException coercion) {
            return found(failure) + expected(coercion.getTargetType());
        }
        return failure.getClass() == JsonMappingException.class && cause == null
                ? failure.getOriginalMessage() // thrown by our own deserializers
                : found(failure) + "is not expected here";
    }

    private static String found(JsonMappingException failure) {
        if (failure.getProcessor() instanceof JsonParser parser) {
            try {
                JsonToken token = parser.currentToken();
                if (token == JsonToken.VALUE_STRING) {
                    return "\"%s\" ".formatted(quoted(parser.getText()));
                }
                if (token != null && token.isScalarValue()) {
                    return quoted(parser.getText()) + " ";
                }
            } catch (IOException e) {
                return "the value ";
            }
        }
        return "the value ";
    }

    private static String expected(@Nullable Class<?> type) {
        if (type == null) {
            return "is not expected here";
        }
        if (Number.class.isAssignableFrom(type) || (type.isPrimitive() && type != boolean.class)) {
            return "is not a whole number in digits alone, such as 100 (not 100.0, 1e2 or \"100\"), or is too large";
        }
        if (type == TenantId.class) {
            return "is not a tenant id, a whole number from 0 to 18446744073709551615";
        }
        if (type == String.class) {
            return "is not a text in quotes";
        }
        if (type == Boolean.class || type == boolean.class) {
            return "is neither true nor false";
        }
        if (type == Instant.class) {
            return "is not an ISO time such as 2026-01-31T12:00:00Z";
        }
        if (type.isEnum()) {
            return "is not one of " + names(type);
        }
        if (Collection.class.isAssignableFrom(type) || type.isArray()) {
            return "is not a list in [ ]";
        }
        return "is not an object in { }";
    }

    private static String names(Class<?> type) {
        return Arrays.stream(type.getFields())
                .filter(java.lang.reflect.Field::isEnumConstant)
                .map(constant -> constant.isAnnotationPresent(JsonProperty.class)
                        ? constant.getAnnotation(JsonProperty.class).value()
                        : constant.getName())
                .collect(Collectors.joining(", "));
    }

    private static String syntax(JsonProcessingException failure) {
        if (failure instanceof StreamConstraintsException) {
            return "it is nested too deeply, or a number or a text in it is too long";
        }
        Matcher twice = DUPLICATE.matcher(failure.getOriginalMessage());
        if (twice.find()) {
            return "the field '%s' occurs twice".formatted(quoted(twice.group(1)));
        }
        JsonLocation where = failure.getLocation();
        return "%s at line %d, column %d"
                .formatted(
                        failure instanceof JsonEOFException ? "it ends unexpectedly" : "syntax error",
                        where == null ? 1 : where.getLineNr(),
                        where == null ? 1 : where.getColumnNr());
    }

    /** A value for a message: shortened, and on one line. */
    static String quoted(String text) {
        String shortened = text.length() <= QUOTED_MAX
                ? text
                : text.substring(0, QUOTED_MAX) + "… (%d characters)".formatted(text.length());
        return shortened.replaceAll("\\p{Cntrl}", "?");
    }
}
