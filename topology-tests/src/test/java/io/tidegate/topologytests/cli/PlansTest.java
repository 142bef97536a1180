package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.cli.InProcess;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Plans on the command line and in the API. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class PlansTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private static Deployment app;
    private static Http http;

    @BeforeAll
    static void start() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
        app = new Deployment(broker.bootstrapServers(), "plans", temp);
        http = Http.of(app.start("a"));
    }

    @AfterAll
    static void stop() {
        if (app != null) {
            app.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    private static InProcess run(int exit, String... words) {
        List<String> arguments = new ArrayList<>(List.of(words));
        arguments.addAll(List.of(app.connection()));
        InProcess run = InProcess.run(arguments.toArray(String[]::new));
        assertThat(run.exit())
                .as("%s: %s%s", List.of(words), run.out(), run.err())
                .isEqualTo(exit);
        return run;
    }

    private static JsonNode limits(String tenant) {
        return http.get("/v1/tenants/" + tenant).json().path("limits");
    }

    @Test
    void aPlanSuppliesWhatItsTenantsDoNotSetAndAChangeHoldsForAllOfThem() throws Exception {
        run(0, "plans", "set", "pro", "--rate", "100/s", "--items", "5", "--label", "Pro");
        run(0, "tenants", "set", "42", "--plan", "pro");
        InProcess set = run(0, "tenants", "set", "43", "--plan", "pro", "--rate", "7/s");
        assertThat(set.out()).contains("now: plan pro, rate 7/s, burst 14", "items 5");

        JsonNode shown = JSON.readTree(
                run(0, "tenants", "get", "43", "--effective", "-o", "json").out());
        assertThat(shown.path("plan").asText()).isEqualTo("pro");
        assertThat(shown.at("/limits/max_signals_per_sec").toString()).contains("7", "tenant");
        assertThat(shown.at("/limits/burst_signals").toString()).contains("14", "twice_the_rate");
        assertThat(shown.at("/limits/max_items").toString()).contains("5", "plan");
        assertThat(shown.at("/limits/mode").toString()).contains("enforce", "plan");
        assertThat(run(0, "tenants", "get", "43", "--effective").out())
                .containsPattern("max_signals_per_sec +7/s +tenant");
        TidegateProcess.await(
                Duration.ofSeconds(30),
                "the instance reads the config",
                () -> http.get("/v1/tenants/43").text(),
                () -> shown.path("limits").equals(limits("43")));
        assertThat(run(0, "tenants", "get", "42", "--effective").out()).containsPattern("max_items +5 +plan pro");
        assertThat(run(0, "tenants", "get", "42").out()).containsPattern("max_items +from plan pro");
        assertThat(run(0, "tenants", "ls").out()).containsPattern("42 .* pro .*100/s");

        run(0, "plans", "set", "pro", "--rate", "200/s");
        run(0, "plans", "unset", "pro", "--items");
        assertThat(run(0, "plans", "unset", "pro", "--items").out()).contains("plan pro unchanged (config offset");

        TidegateProcess.await(
                Duration.ofSeconds(30),
                "the instance reads the plan",
                () -> http.get("/v1/tenants/42").text(),
                () -> limits("42").at("/max_signals_per_sec/value").asLong() == 200
                        && limits("42").at("/max_items/value").isNull());
        assertThat(limits("43").at("/max_signals_per_sec/value").asLong()).isEqualTo(7);
        JsonNode listed = JSON.readTree(run(0, "plans", "ls", "-o", "json").out());
        assertThat(listed.path("name").asText()).isEqualTo("pro");
        assertThat(listed.path("tenants").asInt()).isEqualTo(2);
        assertThat(http.get("/v1/plans").json().at("/plans/0"))
                .as("the API lists the same")
                .isEqualTo(listed);

        InProcess rejected = run(1, "plans", "rm", "pro");
        assertThat(rejected.err()).contains("plan 'pro' is in use by 2 tenants, such as t42");
        run(0, "tenants", "unset", "42", "--plan");
        run(0, "tenants", "rm", "43");
        run(0, "plans", "rm", "pro");
        assertThat(run(1, "plans", "get", "pro").err()).contains("plan 'pro' does not exist");
    }

    @Test
    void periodsAreSetOneByOneAndShownWithTheirUse() throws Exception {
        run(0, "tenants", "set", "60", "--period", "hour=5", "--period", "month=,1GiB");
        InProcess set = run(0, "tenants", "set", "60", "--period", "hour=7,1KiB");
        assertThat(set.out()).contains("hour 7 signals and 1 KiB, month 1 GiB");
        assertThat(run(0, "tenants", "get", "60").out()).containsPattern("periods +hour 7 signals and 1 KiB, month");
        TidegateProcess.await(
                Duration.ofSeconds(30),
                "the instance reads the limits",
                () -> http.get("/v1/tenants/60/usage").text(),
                () -> http.get("/v1/tenants/60/usage").json().path("periods").size() == 2);
        String signal = "{\"tenant_id\":60,\"item\":\"a\"}";
        AtomicReference<JsonNode> shown = new AtomicReference<>();
        // A signal each time, because the month may end between a signal and its answer.
        TidegateProcess.await(Duration.ofSeconds(60), "the signals count", () -> String.valueOf(shown.get()), () -> {
            app.sendQuietly(signal);
            shown.set(http.get("/v1/tenants/60/usage").json().at("/periods/1"));
            return shown.get().path("signals").asLong() > 0;
        });
        JsonNode month = shown.get();
        assertThat(month.path("bytes").asLong()).isEqualTo(month.path("signals").asLong() * signal.length());
        assertThat(month.path("resets_at").asText()).endsWith("-01T00:00:00Z");
        assertThat(run(2, "tenants", "set", "60", "--period", "week=5").err())
                .contains("is not a limit such as hour=1000");
        assertThat(run(2, "tenants", "set", "60", "--period", "day=").err()).contains("needs max_signals or max_bytes");
        assertThat(run(2, "tenants", "set", "60", "--period", "day=1", "--period", "day=2")
                        .err())
                .contains("day is named twice");
        assertThat(run(0, "tenants", "unset", "60", "--period").out()).contains("tenant t60 changed (config offset");
        assertThat(run(0, "tenants", "unset", "60", "--period").out()).contains("tenant t60 unchanged (config offset");
        assertThat(run(0, "tenants", "get", "60").out()).containsPattern("periods +unlimited");
    }

    @Test
    void aTypeOfSignalsIsLimitedByThePlanAndFreedForOneTenant() throws Exception {
        run(0, "plans", "set", "typed", "--signal", "click=1/s,1", "--ceiling", "signal=click=5/s");
        List<String> typed = new ArrayList<>(List.of("__complete", "--", "plans", "get"));
        typed.addAll(List.of(app.connection()));
        typed.add("ty");
        // A shell gets nothing if the brokers do not answer at once.
        TidegateProcess.await(
                Duration.ofMinutes(3),
                "the name of the plan",
                () -> InProcess.run(typed.toArray(String[]::new)).out(),
                () -> InProcess.run(typed.toArray(String[]::new)).out().equals("typed\n"));
        run(0, "tenants", "set", "61", "--plan", "typed");
        run(0, "tenants", "set", "62", "--plan", "typed", "--signal", "unlimited");
        JsonNode limited = JSON.readTree(
                run(0, "tenants", "get", "61", "--effective", "-o", "json").out());
        assertThat(limited.at("/limits/signals/origin").asText()).isEqualTo("plan");
        assertThat(limited.at("/limits/signals/ceiling/click/max_signals_per_sec")
                        .asInt())
                .isEqualTo(5);
        JsonNode free = JSON.readTree(
                run(0, "tenants", "get", "62", "--effective", "-o", "json").out());
        assertThat(free.at("/limits/signals/origin").asText()).isEqualTo("tenant");
        assertThat(free.at("/limits/signals/value")).isEmpty();
        TidegateProcess.await(
                Duration.ofSeconds(30),
                "the instance reads the configs",
                () -> http.get("/v1/tenants/61/usage").text(),
                () -> http.get("/v1/tenants/61/usage")
                                .json()
                                .at("/signals/0/limit_per_sec")
                                .asInt()
                        == 1);
        app.send(50, i -> "{\"tenant_id\":61,\"signal\":\"click\"}");
        TidegateProcess.await(
                Duration.ofSeconds(60),
                "clicks are rejected",
                () -> http.get("/v1/tenants/61/usage").text(),
                () -> http.get("/v1/tenants/61/usage")
                                .json()
                                .at("/rejected/signal_rate_limited")
                                .asInt()
                        > 0);
        run(0, "plans", "set", "typed", "--signal", "click=9/s");
        assertThat(run(0, "plans", "history", "typed").out()).contains("click");
        assertThat(run(0, "plans", "undo", "typed").out()).contains("reverted", "click 1/s burst 1");
    }

    @Test
    void anInvalidPlanOrPlanNameIsAnErrorOfUsageAndChangesNothing() {
        assertThat(run(2, "tenants", "set", "50", "--plan", "none").err()).contains("plan: 'none' does not exist");
        assertThat(run(2, "tenants", "set", "50", "--plan", "no plan").err()).contains("is not a name of a plan");
        assertThat(run(2, "plans", "set", "bad", "--items", "-1").err()).contains("max_items = -1 is outside");
        assertThat(run(2, "plans", "set", "a/b", "--items", "1").err()).contains("is not a name of a plan");
        assertThat(run(2, "plans", "set", "bad").err()).contains("give at least one option to set");
        run(1, "tenants", "get", "50");
        run(1, "plans", "get", "bad");
        assertThat(run(1, "plans", "rm", "bad").err()).contains("plan 'bad' does not exist");
    }
}
