package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.config.SettingsLoader;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class PeersTest {
    private static Problem problem(int status, @Nullable JsonNode json) {
        return Peers.problem(new Peers.Answer("b.example:8080", status, json));
    }

    private static JsonNode document(String id, String detail) {
        return Json.object().put("id", id).put("detail", detail);
    }

    @Test
    void aTemporaryConditionIsThatOfTheInstance() {
        Problem busy = problem(503, document("busy", "4 lists of tenants are already running"));

        assertThat(busy.kind()).isEqualTo(Problem.Kind.BUSY);
        assertThat(busy).hasMessage("the instance b.example:8080: 4 lists of tenants are already running");
        assertThat(busy.reply().headers()).containsKey("Retry-After");
        assertThat(problem(503, document("rebalancing", "no instance owns shard 1"))
                        .kind())
                .isEqualTo(Problem.Kind.REBALANCING);
    }

    @Test
    void anInstanceWithoutAUsableAnswerIsUnreachable() {
        assertThat(problem(0, null)).hasMessage("the instance b.example:8080 does not answer");
        for (Problem other : new Problem[] {
            problem(503, null), problem(503, document("of_a_proxy", "")), problem(403, document("forbidden", "no"))
        }) {
            assertThat(other.kind()).isEqualTo(Problem.Kind.INSTANCE_UNREACHABLE);
            assertThat(other.getMessage()).startsWith("the instance b.example:8080 answers with the status ");
        }
    }

    /** As Docker Compose names containers of its version 1. */
    @Test
    void anInstanceWhoseNameIsNoHostNameDoesNotFailTheOthers() throws Exception {
        Peers peers = new Peers(SettingsLoader.load(null, Map.of(), Map.of()).http(), null, "self:1", null);

        assertThat(peers.ask(List.of("tide_gate:1"), "/status"))
                .containsExactly(new Peers.Answer("tide_gate:1", 0, null));
    }
}
