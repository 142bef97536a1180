package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** On a real broker: each transaction contains the state that admit gathers in memory, without a write for each signal. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
class CommitHookTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int SIGNALS = 2_000;
    private static final int ENTITIES = 300;

    @TempDir
    private Path temp;

    @Test
    void writesATenantOnceInATransactionWithEverythingThatTheTransactionDecided() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
                Deployment app = new Deployment(broker.bootstrapServers(), "commithook", temp)) {
            TidegateProcess first = app.start("a", "--set", "commit.interval.ms=1000");
            app.set("1", "--entities", Integer.toString(ENTITIES));
            app.awaitUsable("1");
            app.send(SIGNALS, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i % (2 * ENTITIES)));
            JsonNode verified = app.verify("a");
            long accepted = verified.at("/tenants/1/in_wal").asLong();
            long rejected = verified.at("/tenants/1/rejected/entity_limit").asLong();
            assertThat(rejected).isPositive();

            // The committed changelog contains all decisions: no state waits for a later commit.
            JsonNode usage = usage(app);
            assertThat(usage.at("/usage/accepted").asLong()).isEqualTo(accepted);
            assertThat(usage.at("/usage/rejected/entity_limit").asLong()).isEqualTo(rejected);
            assertThat(usage.at("/usage/entities/item").asLong()).isEqualTo(ENTITIES);
            assertThat(written(broker, "commithook-usage-changelog")).isLessThan(SIGNALS / 10);
            assertThat(written(broker, "commithook-entities-changelog")).isLessThan(SIGNALS / 10);

            // After a clean end and after a kill, the next thread's memory starts with this state.
            first.kill();
            app.start("a");
            app.send(ENTITIES, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));
            app.send(10, i -> "{\"tenant_id\":1,\"item\":\"n%d\"}".formatted(i));
            verified = app.verify("a");
            assertThat(verified.at("/tenants/1/in_wal").asLong()).isEqualTo(accepted + ENTITIES);
            assertThat(verified.at("/tenants/1/rejected/entity_limit").asLong()).isEqualTo(rejected + 10);
        }
    }

    @Test
    void executesTheCommandLinesOperationsOnATenant() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
                Deployment app = new Deployment(broker.bootstrapServers(), "commands", temp)) {
            app.start("a");
            app.set("1", "--entities", "2");
            app.awaitUsable("1");
            app.send(3, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i));
            app.verify("a");

            assertThat(app.quick("tenants", "forget", "1", "--item", "i2").exit())
                    .isEqualTo(1);
            var forgotten = app.quick("tenants", "forget", "1", "--item", "i0");
            assertThat(forgotten.exit()).as(forgotten.err()).isZero();
            app.send(400, i -> "{\"tenant_id\":1,\"item\":\"i2\",\"pad\":\"%s\"}".formatted("x".repeat(100)));
            long inWal = app.verify("a").at("/tenants/1/in_wal").asLong();
            assertThat(inWal).isGreaterThanOrEqualTo(403);

            TidegateProcess.await(Deployment.TAKES_EFFECT_WITHIN, "a sealed segment", () -> "", () -> {
                var pruned = prune(app, "--dry-run");
                return pruned.at("/segments").asLong() > 0;
            });
            JsonNode pruned = prune(app);
            assertThat(pruned.at("/below_seq").asLong()).isEqualTo(inWal);
            assertThat(usage(app).at("/usage/sealed_bytes").asLong()).isZero();

            var blocked = app.quick("tenants", "block", "1", "--for", "1h");
            assertThat(blocked.exit()).as(blocked.err()).isZero();
            assertThat(app.quick("tenants", "get", "1").out()).contains("blocked_until");
            assertThat(app.quick("tenants", "unblock", "1").exit()).isZero();

            assertThat(app.quick("tenants", "purge", "1").exit()).isEqualTo(2);
            var purged = app.quick("tenants", "purge", "1", "--yes", "-o", "json");
            assertThat(purged.exit()).as(purged.err()).isZero();
            assertThat(JSON.readTree(purged.out()).at("/next_seq").asLong()).isEqualTo(inWal);
            assertThat(JSON.readTree(purged.out()).at("/by").asText())
                    .isEqualTo("cli:" + System.getProperty("user.name"));
            app.verify("a");
        }
    }

    private static JsonNode prune(Deployment app, String... more) {
        try {
            List<String> arguments = new ArrayList<>(List.of("wal", "prune", "1", "--below", "1000000", "-o", "json"));
            arguments.addAll(List.of(more));
            var result = app.quick(arguments.toArray(String[]::new));
            assertThat(result.exit()).as(result.err()).isZero();
            return JSON.readTree(result.out());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static JsonNode usage(Deployment app) throws Exception {
        var ls = app.quick("tenants", "ls", "-o", "json");
        for (String line : ls.out().split("\n", -1)) {
            if (!line.isBlank() && JSON.readTree(line).at("/tenant_id").asLong() == 1) {
                return JSON.readTree(line);
            }
        }
        throw new AssertionError("tenant 1 is not listed: " + ls.out() + ls.err());
    }

    /** Records of a topic, with the markers of transactions. */
    private static long written(EmbeddedBroker broker, String topic) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            List<TopicPartition> partitions = IntStream.range(0, 2)
                    .mapToObj(partition -> new TopicPartition(topic, partition))
                    .toList();
            long sum = 0;
            for (TopicPartition partition : partitions) {
                sum += admin.listOffsets(Map.of(partition, OffsetSpec.latest()))
                        .partitionResult(partition)
                        .get(30, TimeUnit.SECONDS)
                        .offset();
            }
            return sum;
        }
    }
}
