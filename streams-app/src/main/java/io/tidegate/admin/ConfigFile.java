package io.tidegate.admin;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.tidegate.tenant.JsonFaults;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.error.YAMLException;

/** Reads configs that people write in YAML or JSON. Rejects everything that they and a parser may understand differently. */
public final class ConfigFile {
    /** The maximum size of a file; one with a million tenants is smaller. */
    public static final int BYTES_MAX = 256 << 20;

    private static final Pattern PLAIN_INTEGER = Pattern.compile("-?(0|[1-9][0-9]*)");

    private static final Pattern YAML_MARK = Pattern.compile("(?m)^ in .*, (line \\d+, column \\d+):$");

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();
    private static final YAMLMapper YAML = new YAMLMapper(YAMLFactory.builder()
            .loaderOptions(loaderOptions())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build());

    private ConfigFile() {}

    private static LoaderOptions loaderOptions() {
        LoaderOptions options = new LoaderOptions();
        options.setCodePointLimit(BYTES_MAX);
        return options;
    }

    /**
     * Reads a file. If it begins with a brace, it is JSON.
     *
     * @throws IllegalArgumentException with the problem and its place: a name that is given twice, a second document, an alias, or
     *     a number such as {@code 010}
     */
    public static JsonNode tree(byte[] file) {
        if (file.length > BYTES_MAX) {
            throw new IllegalArgumentException("it has %d bytes, the limit is %d".formatted(file.length, BYTES_MAX));
        }
        boolean json = new String(file, 0, Math.min(file.length, 1024), StandardCharsets.UTF_8)
                .stripLeading()
                .startsWith("{");
        ObjectMapper mapper = json ? JSON : YAML;
        try (JsonParser parser =
                json ? mapper.createParser(file) : new PlainYaml((YAMLParser) mapper.createParser(file))) {
            JsonNode tree = mapper.readTree(parser);
            if (tree == null || parser.nextToken() != null) {
                throw new IllegalArgumentException(
                        tree == null
                                ? "it is empty"
                                : json
                                        ? "something follows the JSON object"
                                        : "it has a second document (---): put all in one");
            }
            return tree;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(json ? JsonFaults.describe(e) : described(e), e);
        } catch (IOException e) {
            throw new IllegalArgumentException("it cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Returns a part of a file as JSON. Half a surrogate pair, which UTF-8 cannot encode, stays an escape, so that the rules of
     * the config reject it.
     */
    public static byte[] json(JsonNode part) {
        try {
            return JSON.writeValueAsBytes(part);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree is always writable", e);
        }
    }

    /**
     * Returns the problem in YAML and its place. The message contains the context, the problem, and the place of each with a quotation
     * of the file; the exception itself has only the end of the preceding text.
     */
    private static String described(JsonProcessingException e) {
        if (e.getCause() instanceof YAMLException yaml && yaml.getCause() instanceof CharConversionException) {
            return "it is not UTF-8";
        }
        if (e instanceof StreamConstraintsException) {
            return "it is nested too deeply, or has a text or number that is too long";
        }
        String text = String.valueOf(e.getOriginalMessage());
        String message =
                text.lines().takeWhile(line -> !line.startsWith(" ")).limit(2).collect(Collectors.joining(": "));
        String place = e.getLocation() == null
                ? null
                : "line %d, column %d"
                        .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr());
        Matcher mark = YAML_MARK.matcher(text);
        while (mark.find()) {
            place = mark.group(1);
        }
        return place == null ? message : place + ": " + message;
    }

    /**
     * YAML without notations that parsers interpret differently, such as {@code 010}, which is eight, ten or a text, and
     * without aliases.
     */
    private static final class PlainYaml extends JsonParserDelegate {
        private final YAMLParser yaml;

        PlainYaml(YAMLParser yaml) {
            super(yaml);
            this.yaml = yaml;
        }

        @Override
        public @Nullable JsonToken nextToken() throws IOException {
            JsonToken token = super.nextToken();
            if (token != null && yaml.isCurrentAlias()) {
                throw new JsonParseException(this, "aliases (*%s) are not supported".formatted(getText()));
            }
            if (token == JsonToken.VALUE_NUMBER_INT
                    && !PLAIN_INTEGER.matcher(getText()).matches()) {
                throw new JsonParseException(
                        this,
                        "%s is not a whole number in digits alone, without leading zeros or underscores"
                                .formatted(getText()));
            }
            return token;
        }
    }
}
