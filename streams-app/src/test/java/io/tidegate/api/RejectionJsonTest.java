package io.tidegate.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RejectionJsonTest {
    private static JsonNode json(byte @Nullable [] value) {
        return new RejectionJson(tenant -> null).of(new ConsumerRecord<>("quota-exceeded", 0, 7, value, value));
    }

    @Test
    void aRejectionHasTheLabelAndTheNamesThatItsTenantHasNow() {
        TenantConfig labelled = TenantConfig.defaultTenant().withTenantId(TenantId.parse("42"));
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>("quota-exceeded", 0, 7, null, null);
        record.headers().add(TidegateHeaders.TENANT, "42".getBytes(UTF_8));

        assertThat(new RejectionJson(tenant -> labelled)
                        .of(record)
                        .path("tenant_label")
                        .asText())
                .isEqualTo("default");
        JsonNode unknown = new RejectionJson(tenant -> null).of(record);
        assertThat(unknown.path("tenant_label").isNull()).isTrue();
        assertThat(unknown.path("tenant_names")).isEmpty();
        assertThat(json(null).path("tenant_label").isNull()).isTrue();
    }

    /** The cut falls within a character at one of these lengths, and between two at another. */
    @ParameterizedTest
    @ValueSource(strings = {"", "a", "ab", "abc"})
    void aLongTextIsCutBetweenCharacters(String before) {
        for (String character : List.of("x", "é", "水", "😀")) {
            String text = before + character.repeat(20_000);

            JsonNode json = json(text.getBytes(UTF_8));

            assertThat(json.has("value_hex")).as(character).isFalse();
            assertThat(text).startsWith(json.path("value").asText());
            assertThat(json.path("value").asText().getBytes(UTF_8)).hasSizeBetween(16 * 1024 - 3, 16 * 1024);
            assertThat(text).startsWith(json.path("key").asText());
            assertThat(json.path("value_bytes").asInt()).isEqualTo(text.getBytes(UTF_8).length);
        }
    }

    @Test
    void headersOfAProducerNeitherHideTidegatesOwnNorExceedTheBound() {
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(
                "quota-exceeded",
                0,
                7,
                new byte[100_000],
                "\u0001".repeat(100_000).getBytes(UTF_8));
        for (int i = 0; i < 1_000; i++) {
            record.headers().add("tidegate.replays", "\u0001".repeat(5_000).getBytes(UTF_8));
            record.headers()
                    .add("\u0001".repeat(5_000) + i, "\u0001".repeat(5_000).getBytes(UTF_8));
        }
        record.headers().add(TidegateHeaders.REASON, "rate_limited".getBytes(UTF_8));
        record.headers().add(TidegateHeaders.MESSAGE, "above the rate".getBytes(UTF_8));

        JsonNode json = new RejectionJson(tenant -> null).of(record);

        assertThat(json.path("headers").findValuesAsText("name"))
                .hasSize(64 + 24)
                .endsWith(TidegateHeaders.REASON, TidegateHeaders.MESSAGE)
                .allSatisfy(name -> assertThat(name.length()).isLessThanOrEqualTo(256));
        assertThat(json.path("header_count").asInt()).isEqualTo(2_002);
        assertThat(json.toString().length()).as("what the dashboard takes").isLessThan(1 << 20);
    }

    @Test
    void bytesThatAreNotTextAreCutAtTheBound() {
        byte[] value = new byte[20_000];
        Arrays.fill(value, (byte) 0x80);

        assertThat(json(value).path("value_hex").asText()).hasSize(2 * 16 * 1024);
    }
}
