package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.demo.ChildJvm;
import io.tidegate.demo.EmbeddedBroker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Refusals that are sent again: each once, whatever happens in between. */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
final class ReplayTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int REFUSED = 24;

    @TempDir
    Path temp;

    private EmbeddedBroker broker;
    private Deployment app;

    @BeforeEach
    void start() throws Exception {
        broker = EmbeddedBroker.start(
                temp.resolve("broker"),
                0,
                Map.of("group.streams.session.timeout.ms", "3000", "group.min.session.timeout.ms", "1000"));
        app = new Deployment(broker.bootstrapServers(), "replay", temp);
        app.start("a");
    }

    @AfterEach
    void stop() {
        app.close();
        broker.close();
    }

    @Test
    void sendsEachRefusalAgainOnceAlsoWhenItIsKilled() throws Exception {
        app.set("1", "--label", "One");
        app.set("2", "--rate", "0");
        app.set("3", "--rate", "0");
        app.awaitUsable("1");
        app.send(REFUSED, i -> "{\"tenant_id\":2,\"item\":\"i%d\"}".formatted(i));
        app.send(3, i -> "{\"tenant_id\":3}");
        assertThat(app.verify("a").at("/tenants/2/rejected/rate_limited").asLong())
                .isEqualTo(REFUSED);
        assertThat(refusals("--tenant", "2").at("/2 rate_limited/hopeless").asLong())
                .isEqualTo(REFUSED);
        app.set("2", "--rate", "8", "--burst", "100");

        // Only said, not done.
        assertThat(refusals("--tenant", "2").at("/2 rate_limited/replayed").asLong())
                .isEqualTo(REFUSED);
        assertThat(app.verify("a").at("/tenants/2/in").asLong()).isEqualTo(REFUSED);

        killAReplayInTheMiddle();
        long sentBefore = refusals("--tenant", "2").at("/2 rate_limited/done").asLong();
        JsonNode rest = refusals("--tenant", "2", "--yes");
        assertThat(sentBefore).isPositive();
        assertThat(rest.at("/2 rate_limited/done").asLong()).isEqualTo(sentBefore);
        assertThat(rest.at("/2 rate_limited/replayed").asLong()).isEqualTo(REFUSED - sentBefore);
        // Another choice of the same refusals sends none of them again.
        assertThat(refusals("--reason", "rate_limited", "--yes")
                        .at("/2 rate_limited/done")
                        .asLong())
                .isEqualTo(REFUSED);

        JsonNode books = app.verify("a");
        assertThat(books.at("/tenants/2/in").asLong()).isEqualTo(2 * REFUSED);
        assertThat(books.at("/tenants/2/in_wal").asLong()).isEqualTo(REFUSED);
        assertThat(books.at("/tenants/3/in").asLong()).isEqualTo(3);
        String first = app.tidegate("wal", "cat", "2", "-o", "json", "--data-dir", app.dataDir("a"))
                .out()
                .lines()
                .findFirst()
                .orElseThrow();
        assertThat(JSON.readTree(first).at("/value").asText()).isEqualTo("{\"tenant_id\":2,\"item\":\"i0\"}");
        assertThat(JSON.readTree(first).at("/headers/tidegate.replays").asText())
                .isEqualTo("1");
    }

    /** At half of 8 a second it takes 6 s; it is killed after its first transaction. */
    private void killAReplayInTheMiddle() throws Exception {
        List<String> command = ChildJvm.command("-Xmx256m");
        command.addAll(List.of("io.tidegate.cli.Tidegate", "rejections", "replay", "--yes", "--tenant", "2"));
        command.addAll(List.of(app.connection()));
        Path err = temp.resolve("replay.err");
        Process replay = new ProcessBuilder(command)
                .redirectOutput(temp.resolve("replay.out").toFile())
                .redirectError(err.toFile())
                .start();
        try {
            TidegateProcess.await(Duration.ofSeconds(60), "the first signals to be replayed", () -> "", () -> {
                try {
                    return Files.readString(err).contains("replayed");
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
        } finally {
            replay.destroyForcibly().waitFor();
        }
    }

    private JsonNode refusals(String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("rejections", "replay", "-o", "json"));
        arguments.addAll(List.of(more));
        var result = app.tidegate(arguments.toArray(String[]::new));
        assertThat(result.exit()).as(result.err()).isZero();
        return JSON.readTree(result.out()).get("refusals");
    }
}
