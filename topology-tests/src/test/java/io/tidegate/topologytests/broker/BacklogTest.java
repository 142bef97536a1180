package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A tenant within its limits has nothing rejected, in whatever order its backlog is read and whichever readers fail. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class BacklogTest {
    private static final int PARTITIONS = 8;
    private static final Duration OUTAGE = Duration.ofMinutes(5);
    private static final Duration COMMITS_WITHIN = Duration.ofMinutes(4);

    @TempDir
    static Path brokerDir;

    @TempDir
    Path temp;

    private static BrokerCluster cluster;

    @BeforeAll
    static void startBroker() throws Exception {
        cluster = BrokerCluster.start(brokerDir, 1);
    }

    @AfterAll
    static void stopBroker() {
        cluster.close();
    }

    private Deployment deployment(String name, String... settings) {
        List<String> all = new ArrayList<>(List.of("signals.require.log.append.time=false", "threads=2"));
        all.addAll(List.of(settings));
        return new Deployment(cluster.bootstrapServers(), name, temp, all.toArray(String[]::new));
    }

    private static long outageBeganMs() {
        return System.currentTimeMillis() - OUTAGE.toMillis();
    }

    @ParameterizedTest
    @CsvSource({"300, 90, 100/s, any", "20, 50, 100/s, any", "300, 90, 100/s, tenant"})
    void aBacklogWithinTheLimitIsAccepted(int seconds, int perSecond, String limit, String partitioning)
            throws Exception {
        String[] keyed = {"ingress.partitioning=" + partitioning, "shards=" + PARTITIONS};
        boolean isKeyed = partitioning.equals("tenant");
        try (Deployment app = deployment("within-" + seconds + "-" + partitioning, isKeyed ? keyed : new String[0])) {
            Backlog backlog = Backlog.create(app, PARTITIONS);
            app.set("42", "--rate", limit);
            backlog.send("42", outageBeganMs(), Duration.ofSeconds(seconds), perSecond);
            app.start("a");

            Backlog.Outcome outcome = backlog.await();

            assertThat(outcome.rejected()).isZero();
            assertThat(outcome.accepted()).isEqualTo((long) seconds * perSecond);
            assertThat(dryRun(app, limit).get("rejected_total").asLong())
                    .as("the rejections of a dry run of the same limit")
                    .isZero();
            assertThat(dryRun(app, perSecond / 2 + "/s")
                            .at("/rejected/rate_limited")
                            .asLong())
                    .as("the rejections of a dry run of half the rate")
                    .isPositive();
        }
    }

    private static JsonNode dryRun(Deployment app, String limit) throws Exception {
        var result = app.quick("tenants", "set", "42", "--rate", limit, "--dry-run", "--since", "1h", "-o", "json");
        assertThat(result.exit()).as(result.err()).isZero();
        return new JsonMapper().readTree(result.out());
    }

    /** Partition 0 has five times the data of the others; two tenants write to one partition only. */
    @Test
    void unevenPartitionsAndPinnedTenantsCauseNoRejection() throws Exception {
        try (Deployment app = deployment("pinned")) {
            Backlog backlog = Backlog.create(app, PARTITIONS);
            for (String tenant : List.of("42", "7", "8")) {
                app.set(tenant, "--rate", "100/s");
            }
            backlog.send(
                    outageBeganMs(),
                    OUTAGE,
                    new Backlog.Load("42", 90, i -> i % 12 < 5 ? 0 : (int) (i % 12) - 4),
                    new Backlog.Load("7", 90, i -> 1),
                    new Backlog.Load("8", 90, i -> 2));
            app.launch("b");
            app.start("a");

            Backlog.Outcome outcome = backlog.await();

            assertThat(outcome.rejectedOf()).isEmpty();
            assertThat(outcome.accepted()).isEqualTo(3 * OUTAGE.toSeconds() * 90);
        }
    }

    /** Alignment keeps all readers from the last five minutes until the first commits, so the kills are amid the catch-up. */
    @Test
    void aKillDuringTheCatchUpChangesNoDecision() throws Exception {
        try (Deployment app = deployment("killed", "standby.replicas=1", "commit.interval.ms=1000")) {
            Backlog backlog = Backlog.create(app, PARTITIONS);
            app.set("42", "--rate", "100/s");
            app.set("9", "--rate", "100/s");
            backlog.send(outageBeganMs(), OUTAGE, backlog.load("42", 90), backlog.load("9", 150));
            TidegateProcess first = app.start("a");
            TidegateProcess second = app.launch("b");
            backlog.awaitFirstCommit(COMMITS_WITHIN);
            first.kill();
            assertThat(backlog.read()).as("partitions read at the first kill").isEmpty();
            app.start("a");
            second.kill();
            app.launch("b");

            Backlog.Outcome outcome = backlog.await();

            assertThat(outcome.rejectedOf()).containsOnlyKeys("9");
            long seconds = OUTAGE.toSeconds();
            assertThat(outcome.accepted() - seconds * 90)
                    .as("accepted of tenant 9: at least 99 % of its rate, and at most its burst more")
                    .isBetween(seconds * 99, seconds * 100 + 200);
            Map<String, String> made = Decisions.made(app);
            assertThat(made).hasSize(Math.toIntExact(seconds * (90 + 150)));
            assertThat(made).isEqualTo(Decisions.replayed(app, Map.of("42", config("42"), "9", config("9"))));
        }
    }

    private static TenantConfig config(String tenant) {
        return TenantConfigJson.parse("{\"tenant_id\":%s,\"max_signals_per_sec\":100}"
                .formatted(tenant)
                .getBytes(StandardCharsets.UTF_8));
    }

    /** Each tenant constantly sends 90 % of its limit, with a burst of one second. */
    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    void aRollingRestartOfThreeInstancesRejectsNothing() throws Exception {
        try (Deployment app = deployment("rolling", "standby.replicas=1", "shards=3")) {
            Backlog backlog = Backlog.create(app, 3);
            List<String> tenants = List.of("42", "43", "44", "45");
            for (String tenant : tenants) {
                app.set(tenant, "--rate", "50/s", "--burst", "50");
            }
            List<String> names = List.of("a", "b", "c");
            List<TidegateProcess> instances = new ArrayList<>();
            for (String name : names) {
                instances.add(app.launch(name));
            }
            AtomicBoolean stop = new AtomicBoolean();
            CompletableFuture<Void> sending = backlog.sendLive(
                    stop::get,
                    tenants.stream().map(tenant -> backlog.load(tenant, 45)).toArray(Backlog.Load[]::new));
            try {
                backlog.awaitFirstCommit(COMMITS_WITHIN);
                for (int i = 0; i < instances.size(); i++) {
                    instances.get(i).terminate();
                    app.start(names.get(i));
                }
            } finally {
                stop.set(true);
            }
            sending.get(1, TimeUnit.MINUTES);

            Backlog.Outcome outcome = backlog.await();

            assertThat(outcome.rejectedOf()).isEmpty();
            assertThat(outcome.accepted()).isPositive();
        }
    }
}
