package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.http.Json;
import java.util.List;
import org.junit.jupiter.api.Test;

class HistoryApiTest {
    private static ObjectNode part(long bytes, int... shards) {
        ObjectNode part = Json.object();
        for (int shard : shards) {
            part.withArray("shards").add(shard);
        }
        return part.put("sealed_segments", 1).put("sealed_bytes", bytes);
    }

    private static JsonNode sealedBytes(ObjectNode... parts) {
        ObjectNode json = Json.object();
        HistoryApi.putSealed(json, List.of(parts), 3);
        assertThat(json.path("sealed_segments").isNull())
                .isEqualTo(json.path("sealed_bytes").isNull());
        return json.path("sealed_bytes");
    }

    @Test
    void addsWhatIsSealedOnlyIfEachShardIsCountedOnce() {
        assertThat(sealedBytes(part(10, 0, 2), part(5, 1)).asLong()).isEqualTo(15);
        assertThat(sealedBytes(part(10, 0, 2)).isNull()).as("one is missing").isTrue();
        assertThat(sealedBytes(part(10, 0, 2), part(5, 1, 2)).isNull())
                .as("one moved meanwhile")
                .isTrue();
        assertThat(sealedBytes(part(10, 0, 2), part(5, 2)).isNull())
                .as("one is counted twice, another is missing")
                .isTrue();
    }
}
