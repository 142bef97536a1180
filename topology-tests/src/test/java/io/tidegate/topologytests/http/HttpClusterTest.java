package io.tidegate.topologytests.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Any of several instances answers for any tenant, correctly or not at all. */
@Tag("long")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class HttpClusterTest {
    private static final int TENANTS = 12;
    private static final Duration WITHIN = Duration.ofSeconds(90);

    @TempDir
    private Path temp;

    @Test
    void anyInstanceAnswersForAnyTenantAndNeverWithPartOfIt() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(
                        temp.resolve("broker"), 0, Map.of("group.streams.session.timeout.ms", "3000"));
                Deployment deployment = new Deployment(broker.bootstrapServers(), "cluster", temp)) {
            // Two threads: Kafka Streams itself then knows only half the partitions of such an instance.
            Http a = Http.of(deployment.start("a", "--set", "threads=2", "--set", "shards=8", "--set", "instance=a"));
            TidegateProcess second =
                    deployment.start("b", "--set", "threads=2", "--set", "shards=8", "--set", "instance=b");
            Http b = Http.of(second);
            for (int tenant = 1; tenant <= TENANTS; tenant++) {
                assertThat(a.send("PUT", "/v1/tenants/" + tenant, "{\"max_signals_per_sec\":1000}")
                                .status())
                        .isEqualTo(200);
            }
            deployment.send(TENANTS * 10, i -> "{\"tenant_id\":%d}".formatted(1 + i % TENANTS));
            for (Http http : new Http[] {a, b}) {
                TidegateProcess.await(WITHIN, "10 signals of each tenant", () -> "", () -> accepted(http, 10));
            }
            // b changed nothing and returns the changes made through a.
            assertThat(b.get("/v1/tenants/7").header("ETag"))
                    .isEqualTo(a.get("/v1/tenants/7").header("ETag"));
            TidegateProcess.await(
                    WITHIN,
                    "both to know each other",
                    () -> a.get("/v1/status").text(),
                    () -> running(a) == 2 && running(b) == 2);
            TidegateProcess.await(
                    WITHIN,
                    "the status of both",
                    () -> deployment.quick("status", "--url", a.url).out(),
                    () -> {
                        var status = deployment.quick("status", "--url", a.url, "-o", "json");
                        return status.exit() == 0
                                && status.out().contains("\"instance\" : \"a\"")
                                && status.out().contains("\"instance\" : \"b\"");
                    });
            TidegateProcess.await(
                    WITHIN,
                    "answers of both, although one is asked",
                    () -> deciding(a).toString(),
                    () -> deciding(a).equals(Set.of("a", "b")));

            second.kill();

            int rejected = 0;
            long deadline = System.nanoTime() + WITHIN.toNanos();
            boolean whole = false;
            while (!whole && System.nanoTime() < deadline) {
                Http.Answer list = a.get("/v1/tenants");
                if (list.status() == 503) {
                    rejected++;
                    assertThat(list.problem()).isIn("rebalancing", "instance_unreachable");
                    assertThat(list.header("Retry-After")).isNotEmpty();
                } else {
                    assertThat(list.status()).as(list.text()).isEqualTo(200);
                    assertThat(list.json().path("tenants")).hasSize(TENANTS);
                    whole = true;
                }
            }
            assertThat(whole).as("a list after %d rejections", rejected).isTrue();
            TidegateProcess.await(WITHIN, "10 signals of each tenant", () -> "", () -> accepted(a, 10));

            // Without brokers, an instance cannot know the current owners. It knows them again once the brokers are
            // back.
            TidegateProcess.signal(broker.pid(), "STOP");
            TidegateProcess.await(WITHIN, "no answer without brokers", () -> "", () -> usageOfTenant1(a) == 503);
            assertThat(a.get("/readyz").status()).isEqualTo(503);
            assertThat(a.get("/readyz").text()).contains("no heartbeat reaches the brokers");
            TidegateProcess.signal(broker.pid(), "CONT");
            TidegateProcess.await(WITHIN, "an answer again", () -> "", () -> usageOfTenant1(a) == 200);
            TidegateProcess.await(
                    WITHIN,
                    "to be ready again",
                    () -> "",
                    () -> a.get("/readyz").status() == 200);
        }
    }

    private static Set<String> deciding(Http http) {
        Set<String> deciding = new TreeSet<>();
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            deciding.add(http.get("/v1/tenants/%d/usage".formatted(tenant))
                    .json()
                    .path("instance")
                    .asText());
        }
        return deciding;
    }

    private static int usageOfTenant1(Http http) {
        return http.get("/v1/tenants/1/usage").status();
    }

    private static long running(Http http) {
        long running = 0;
        for (JsonNode instance : http.get("/v1/status").json().path("instances")) {
            running += instance.path("ready").asBoolean() ? 1 : 0;
        }
        return running;
    }

    private static boolean accepted(Http http, long count) {
        for (int tenant = 1; tenant <= TENANTS; tenant++) {
            Http.Answer usage = http.get("/v1/tenants/%d/usage".formatted(tenant));
            if (usage.status() != 200 || usage.json().path("accepted").asLong() != count) {
                return false;
            }
        }
        return true;
    }
}
