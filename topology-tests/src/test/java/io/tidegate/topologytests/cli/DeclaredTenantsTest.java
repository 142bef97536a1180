package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.cli.InProcess;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code tenants apply} and {@code tenants export} on a real broker. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class DeclaredTenantsTest {
    private static final int PENDING = 4;

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private Deployment app;

    @BeforeAll
    static void start() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
    }

    private void deploy(String name) throws Exception {
        app = new Deployment(broker.bootstrapServers(), name, Files.createDirectory(temp.resolve(name)));
        app.init();
    }

    private InProcess run(int exit, String... words) {
        List<String> arguments = new ArrayList<>(List.of(words));
        arguments.addAll(List.of(app.connection()));
        InProcess run = InProcess.run(arguments.toArray(String[]::new));
        assertThat(run.exit())
                .as("%s: %s%s", List.of(words), run.out(), run.err())
                .isEqualTo(exit);
        return run;
    }

    private static String file(String name, String text) throws Exception {
        return Files.writeString(temp.resolve(name), text).toString();
    }

    @Test
    void aFileIsAppliedShownAndWrittenBack() throws Exception {
        deploy("apply");
        run(0, "tenants", "set", "9", "--rate", "1/s");
        String file = file(
                "first.yaml",
                "plans: {pro: {max_signals_per_sec: 100}}\ntenants:\n- {tenant_id: 42, plan: pro, label: Acme}\n- {tenant_id: 43}\n");

        InProcess dry = run(PENDING, "tenants", "apply", "-f", file, "--dry-run");
        assertThat(dry.out().lines())
                .containsExactly(
                        "+ plan pro: max_signals_per_sec=100, mode=\"enforce\"",
                        "+ tenant 42: label=\"Acme\", plan=\"pro\"",
                        "+ tenant 43: mode=\"enforce\"");
        assertThat(dry.err()).contains("3 to create, 0 to change, 0 to remove, 0 unchanged; nothing was changed");
        run(1, "tenants", "get", "42");

        InProcess applied = run(0, "tenants", "apply", "-f", file);
        assertThat(applied.out()).isEqualTo(dry.out());
        assertThat(applied.err()).contains("3 created, 0 changed, 0 removed, 0 unchanged");
        assertThat(run(0, "tenants", "apply", "-f", file, "--dry-run").out()).isEmpty();
        assertThat(run(0, "tenants", "get", "9").out())
                .as("not declared, so it stays")
                .contains("1/s");
        assertThat(run(0, "tenants", "history", "42").out()).contains("created label=\"Acme\"");

        String exported = run(0, "tenants", "export").out();
        String asJson = run(0, "tenants", "export", "-o", "json").out();
        assertThat(new JsonMapper().readTree(asJson).path("tenants")).hasSize(3);
        for (String again : List.of(exported, asJson)) {
            run(0, "tenants", "apply", "-f", file("exported.yaml", again), "--prune", "--dry-run");
        }

        String second = file(
                "second.yaml",
                "plans: {free: {}}\ntenants:\n- {tenant_id: 42, plan: free, label: Acme}\n- {tenant_id: 43}\n");
        assertThat(run(0, "tenants", "apply", "-f", second, "--prune", "-o", "json")
                        .out()
                        .lines()
                        .toList())
                .satisfiesExactly(
                        line -> assertThat(line).contains("\"create\"", "\"plan\":\"free\""),
                        line -> assertThat(line).contains("\"remove\"", "\"tenant_id\":9"),
                        line -> assertThat(line).contains("\"change\"", "\"tenant_id\":42", "\"plan\":\"pro\""),
                        line -> assertThat(line).contains("\"remove\"", "\"plan\":\"pro\""));
        assertThat(run(0, "plans", "ls").out()).contains("free").doesNotContain("pro");
    }

    @Test
    void aFileThatBreaksARuleChangesNothing() throws Exception {
        deploy("broken");
        run(0, "plans", "set", "pro", "--rate", "1/s");
        run(0, "tenants", "set", "7", "--plan", "pro");
        for (String broken : List.of(
                "tenants: [{tenant_id: 1}, {tenant_id: 2, max_items: -1}]",
                "tenants: [{tenant_id: 1}, {tenant_id: 2, entity_idle_ttl: PT0S}]",
                "tenants: [{tenant_id: 1}, {tenant_id: 2, plan: none}]",
                "plans: {free: {}}\ntenants: [{tenant_id: 1}, {tenant_id: 7, plan: pro}]",
                "{\"tenants\":[{\"tenant_id\":1}],\"extra\":1}")) {
            InProcess run = run(2, "tenants", "apply", "--prune", "-f", file("broken.yaml", broken));
            assertThat(run.err()).contains("-f ");
            run(1, "tenants", "get", "1");
        }
        assertThat(run(2, "tenants", "apply", "-f", temp.resolve("none").toString())
                        .err())
                .contains("does not exist");
        assertThat(run(0, "tenants", "get", "7", "-o", "json").out()).contains("\"plan\" : \"pro\"");
    }

    @Test
    void warningsAreShownUpToABoundAndTheRuleForSignalsWithoutATenantAlways() throws Exception {
        deploy("warnings");
        StringBuilder yaml = new StringBuilder("tenants:\n");
        for (int i = 1; i <= 25; i++) {
            yaml.append("- {tenant_id: %d, max_signals_per_sec: 100, burst_signals: 5}\n".formatted(i));
        }
        String file = file("warnings.yaml", yaml.toString());
        String rule = "warning: t1 and 24 more are the first tenants besides tenant 0: signals that name no tenant";
        for (InProcess run : List.of(
                run(PENDING, "tenants", "apply", "-f", file, "--dry-run"), run(0, "tenants", "apply", "-f", file))) {
            List<String> lines = run.err().lines().toList();
            assertThat(lines).hasSize(22);
            assertThat(lines.get(0)).startsWith(rule);
            assertThat(lines.get(1)).startsWith("warning: tenant t1: burst_signals = 5 is less than one second");
            assertThat(lines.get(20)).isEqualTo("6 more warnings");
        }
        assertThat(run(0, "tenants", "apply", "-f", file).err()).as("unchanged").doesNotContain("warning");
        String empty = file("empty.yaml", "tenants: []\n");
        assertThat(run(0, "tenants", "apply", "-f", empty, "--prune").err())
                .contains("warning: tenant 0 is the only configured tenant now: signals that name no tenant count");
    }

    @Test
    void tenThousandTenantsAreAppliedInOneTransactionAndExportedAgain() throws Exception {
        deploy("many");
        StringBuilder yaml = new StringBuilder("plans: {a: {max_signals_per_sec: 1}, b: {}}\ntenants:\n");
        for (int i = 1; i <= 10_000; i++) {
            yaml.append("- {tenant_id: %d, plan: %s, label: Tenant %d, max_entities: %d}\n"
                    .formatted(i, i % 2 == 0 ? "a" : "b", i, i));
        }
        InProcess applied = run(0, "tenants", "apply", "-f", file("many.yaml", yaml.toString()));
        assertThat(applied.err()).contains("10002 created");
        String exported = run(0, "tenants", "export").out();
        assertThat(run(0, "tenants", "apply", "-f", file("again.yaml", exported), "--prune", "--dry-run")
                        .err())
                .contains("10002 unchanged");
    }
}
