package io.tidegate.signal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.tenant.TenantRef;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Random values: the mapped parser must find the same fields as Jackson with the same pointers in a tree of the whole value.
 * {@code -Dtidegate.fuzz.values=1000000} sets the number of values.
 */
class MappedParserFuzzTest {
    private static final int VALUES = Integer.getInteger("tidegate.fuzz.values", 30_000);

    private static final JsonMapper TREE = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final JsonMapper STRICT = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .build();

    private static final String[] NAMES = {"a", "b", "c", "0", "1", "01", "-", "", "m~n", "x/y", "ü"};

    private static final String[] SCALARS = {
        "1",
        "42",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "007",
        "1.5",
        "1e3",
        "null",
        "true",
        "false",
        "\"7\"",
        "\"sku\"",
        "\"\"",
        "\"ü\"",
        "\"\\u0041\"",
        "\"\\n\"",
        "\"a b\"",
        "\"\u007f\"",
        "12345678901234567890123"
    };

    private record Places(Map<SignalField, List<String>> pointers) {
        SignalMapping mapping() {
            Map<SignalField, List<FieldSource>> sources = new EnumMap<>(SignalField.class);
            pointers.forEach((field, texts) ->
                    sources.put(field, texts.stream().map(FieldSource::parse).toList()));
            return new SignalMapping(SignalFormat.JSON, sources);
        }
    }

    @Test
    void findsWhatATreeFindsWithTheSamePointers() {
        long seed = Long.getLong("tidegate.fuzz.seed", 17);
        SplittableRandom random = new SplittableRandom(seed);
        int parsed = 0;
        int defective = 0;
        for (int step = 0; step < VALUES; ) {
            Places places = places(random);
            MappedParser parser = new MappedParser(new PointerTree(places.mapping()));
            for (int i = 0; i < 50 && step < VALUES; i++, step++) {
                byte[] value = value(random);
                String at = "seed %d, step %d, %s: %s"
                        .formatted(seed, step, places.pointers, HexFormat.of().formatHex(value));
                ParseResult result = parser.parse(value).result();
                if (value.length > 0) {
                    assertThat(parser.document(value).result())
                            .as("the JSON parser alone, %s", at)
                            .isEqualTo(result);
                }
                JsonNode tree = tree(TREE, value);
                if (tree == null) {
                    assertThat(result).as(at).isInstanceOf(Defective.class);
                    assertThat(((Defective) result).message()).as(at).doesNotStartWith("the field");
                    defective++;
                } else if (result instanceof Parsed found) {
                    assertThat(FuzzedSignals.sorted(found.signal())).as(at).isEqualTo(expected(tree, places));
                    parsed++;
                } else if (tree(STRICT, value) == null) {
                    // A tree keeps the last of two equal names, which need not be the invalid one.
                    assertThat(((Defective) result).message()).as(at).startsWith("the field '");
                } else {
                    assertThat(expected(tree, places))
                            .as("%s, for %s", at, result)
                            .isNull();
                    defective++;
                }
            }
        }
        assertThat(parsed).as("seed %d: both outcomes occur", seed).isBetween(VALUES / 10, VALUES * 9 / 10);
        assertThat(defective).as("seed %d: both outcomes occur", seed).isGreaterThan(VALUES / 10);
    }

    /** Places, none of which lies inside another one. */
    private static Places places(SplittableRandom random) {
        while (true) {
            Map<SignalField, List<String>> pointers = new EnumMap<>(SignalField.class);
            for (SignalField field : SignalField.values()) {
                List<String> ofField = new ArrayList<>();
                for (int count = random.nextInt(field.isEntity() ? 3 : 2); count > 0; count--) {
                    StringBuilder pointer = new StringBuilder();
                    for (int depth = random.nextInt(1, 4); depth > 0; depth--) {
                        String name = NAMES[random.nextInt(NAMES.length)];
                        pointer.append('/').append(name.replace("~", "~0").replace("/", "~1"));
                    }
                    ofField.add(pointer.toString());
                }
                pointers.put(field, ofField);
            }
            Places places = new Places(pointers);
            try {
                var unused = places.mapping();
                return places;
            } catch (IllegalArgumentException e) {
                // A place is repeated or lies inside another one: draws new ones.
            }
        }
    }

    private static byte[] value(SplittableRandom random) {
        StringBuilder json = new StringBuilder();
        object(json, random, 0);
        if (random.nextInt(10) == 0) {
            int at = random.nextInt(json.length());
            switch (random.nextInt(3)) {
                case 0 -> json.setLength(at);
                case 1 -> json.deleteCharAt(at);
                default -> json.insert(at, "{}[]\",:0n\\ ".charAt(random.nextInt(11)));
            }
        }
        return json.toString().getBytes(UTF_8);
    }

    private static void object(StringBuilder json, SplittableRandom random, int depth) {
        json.append('{');
        int from = random.nextInt(NAMES.length);
        for (int i = random.nextInt(6), first = i; i > 0; i--) {
            json.append(i == first ? "" : ",");
            // Mostly consecutive names, so that few are repeated.
            String name = NAMES[random.nextInt(20) == 0 ? random.nextInt(NAMES.length) : (from + i) % NAMES.length];
            boolean escaped = name.length() == 1 && random.nextInt(10) == 0;
            json.append('"')
                    .append(escaped ? "\\u%04x".formatted((int) name.charAt(0)) : name)
                    .append(random.nextInt(5) == 0 ? "\" : " : "\":");
            any(json, random, depth + 1);
        }
        json.append('}');
    }

    private static void any(StringBuilder json, SplittableRandom random, int depth) {
        int kind = random.nextInt(depth > 4 ? 2 : 6);
        if (kind < 2) {
            // Mostly a valid id.
            json.append(SCALARS[random.nextInt(3) > 0 ? random.nextInt(3) : random.nextInt(SCALARS.length)]);
        } else if (kind < 5) {
            object(json, random, depth);
        } else {
            json.append('[');
            for (int i = random.nextInt(4), first = i; i > 0; i--) {
                json.append(i == first ? "" : ", ");
                any(json, random, depth + 1);
            }
            json.append(']');
        }
    }

    private static @Nullable JsonNode tree(JsonMapper mapper, byte[] value) {
        try {
            UTF_8.newDecoder().decode(ByteBuffer.wrap(value));
            JsonNode tree = mapper.readTree(value);
            return tree.isObject() ? tree : null;
        } catch (IOException e) {
            return null;
        }
    }

    /** The signal; null if one of its fields is invalid. */
    private static @Nullable Signal expected(JsonNode tree, Places places) {
        TenantRef tenant = null;
        String type = null;
        for (String pointer : places.pointers.get(SignalField.TENANT)) {
            JsonNode node = tree.at(JsonPointer.compile(pointer));
            if (!node.isMissingNode()) {
                tenant = node.isIntegralNumber() || node.isTextual() ? TenantRef.tryParse(node.asText()) : null;
                if (tenant == null) {
                    return null;
                }
            }
        }
        for (String pointer : places.pointers.get(SignalField.TYPE)) {
            JsonNode node = tree.at(JsonPointer.compile(pointer));
            if (!node.isMissingNode() && !node.isNull() && !node.isTextual() && !node.isIntegralNumber()) {
                return null;
            }
            type = id(node);
        }
        List<List<String>> ids = new ArrayList<>();
        for (SignalField field : new SignalField[] {SignalField.ITEM, SignalField.USER, SignalField.CREATOR}) {
            Set<String> found = new LinkedHashSet<>();
            for (String pointer : places.pointers.get(field)) {
                JsonNode node = tree.at(JsonPointer.compile(pointer));
                for (JsonNode one : node.isArray() ? node : List.of(node)) {
                    if (one.isMissingNode() || one.isNull()) {
                        continue;
                    }
                    String id = id(one);
                    if (id == null) {
                        return null;
                    }
                    found.add(id);
                }
            }
            ids.add(found.stream().sorted().toList());
        }
        return FuzzedSignals.of(tenant, type, ids);
    }

    private static @Nullable String id(JsonNode node) {
        String text = node.isTextual() || node.isIntegralNumber() ? node.asText() : null;
        return text == null || text.isEmpty() || text.chars().anyMatch(Character::isISOControl) ? null : text;
    }
}
