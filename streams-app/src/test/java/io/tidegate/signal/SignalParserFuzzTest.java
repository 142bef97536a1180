package io.tidegate.signal;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Mutated signals, compared with independent checks: the JDK's UTF-8 decoder, and a tree of the whole value. */
class SignalParserFuzzTest {
    private static final JsonMapper TREE = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private static final String[] SEEDS = {
        "{\"tenant_id\":42,\"signal\":\"view\",\"item\":\"sku-1\",\"user\":7,\"creator\":\"zoë\",\"n\":-1.5e3}",
        " {\"a\":{\"b\":[1,2,{\"tenant_id\":\"x\"}]},\"tenant_id\":18446744073709551615,\"t\":true,\"f\":false}\n",
        "{\"item\":\"\\u00e9\\n\",\"user\":\"€😀\",\"creator\":null,\"x\":[[],{},\"\\\\\\\"\",null,0.25]}",
        "{\"tenant_id\":\"org_8Kd\",\"item\":1}",
        "{}",
    };

    private static final String[] INSERTS = {
        "{",
        "}",
        "[",
        "]",
        "\"",
        ",",
        ":",
        "0",
        "-",
        ".",
        "e",
        "\\",
        "\\u",
        "null",
        " ",
        "\n",
        "{}",
        "\"item\":1,",
        "é",
        "\u0000",
        "/",
        "'"
    };

    @ParameterizedTest
    @Timeout(600)
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void callsValidWhatATreeReaderCallsValid(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SignalParser parser = new SignalParser();
        int valid = 0;
        int steps = 5_000;
        for (int step = 0; step < steps; step++) {
            byte[] value = SEEDS[random.nextInt(SEEDS.length)].getBytes(StandardCharsets.UTF_8);
            for (int edits = random.nextInt(4); edits > 0; edits--) {
                value = mutated(value, random);
            }
            String at =
                    "seed %d, step %d: %s".formatted(seed, step, HexFormat.of().formatHex(value));
            JsonNode tree = tree(value);
            ParseResult result = parser.parse(value);
            if (tree == null) {
                assertThat(result).as(at).isInstanceOf(Defective.class);
                assertThat(((Defective) result).defect()).as(at).isEqualTo(Defect.MALFORMED);
                continue;
            }
            valid++;
            if (result instanceof Parsed parsed) {
                assertThat(parsed.signal()).as(at).isEqualTo(signalIn(tree));
            } else {
                // Valid JSON is rejected only for the fields that the parser reads.
                assertThat(((Defective) result).message()).as(at).startsWith("the field '");
            }
        }
        assertThat(valid).as("seed %d: both outcomes occur", seed).isBetween(steps / 10, steps * 9 / 10);
    }

    private static byte[] mutated(byte[] value, SplittableRandom random) {
        if (value.length == 0) {
            return value;
        }
        int from = random.nextInt(value.length);
        int to = Math.min(value.length, from + 1 + random.nextInt(4));
        return switch (random.nextInt(5)) {
            case 0 -> Arrays.copyOf(value, from);
            case 1 -> spliced(value, from, to, new byte[0]);
            case 2 -> spliced(value, from, from, Arrays.copyOfRange(value, from, to));
            case 3 ->
                spliced(value, from, from, INSERTS[random.nextInt(INSERTS.length)].getBytes(StandardCharsets.UTF_8));
            default -> {
                byte[] flipped = value.clone();
                flipped[from] ^= (byte) (1 << random.nextInt(8));
                yield flipped;
            }
        };
    }

    private static byte[] spliced(byte[] value, int from, int to, byte[] middle) {
        return ByteBuffer.allocate(value.length - (to - from) + middle.length)
                .put(value, 0, from)
                .put(middle)
                .put(value, to, value.length - to)
                .array();
    }

    /** The object in {@code value}; null if it is not UTF-8, not JSON or not an object. */
    private static @Nullable JsonNode tree(byte[] value) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value));
            JsonNode tree = TREE.readTree(value);
            return tree.isObject() ? tree : null;
        } catch (IOException e) {
            return null;
        }
    }

    private static Signal signalIn(JsonNode tree) {
        JsonNode tenant = tree.get("tenant_id");
        return new Signal(
                tenant == null || tenant.isTextual() ? null : TenantId.parse(tenant.asText()),
                tenant != null && tenant.isTextual() ? TenantName.parse(tenant.asText()) : null,
                typeIn(tree),
                idIn(tree, "item"),
                idIn(tree, "user"),
                idIn(tree, "creator"));
    }

    private static @Nullable String typeIn(JsonNode tree) {
        String type = idIn(tree, "signal");
        return type == null || type.isEmpty() || type.chars().anyMatch(Character::isISOControl) ? null : type;
    }

    private static @Nullable String idIn(JsonNode tree, String name) {
        JsonNode id = tree.get(name);
        return id == null || id.isNull() ? null : id.asText();
    }
}
