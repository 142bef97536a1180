package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admin.ConfigApply.Change;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admin.TenantDirectory.Snapshot;
import io.tidegate.config.SettingsLoader;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DeclaredConfigsTest {
    private static final String YAML = """
            # limits of all customers
            plans:
              pro:
                max_signals_per_sec: 100
                entity_idle_ttl: P30D
                required_regions: [eu]
              "7": {}
            tenants:
              - tenant_id: 42
                label: Acme
                plan: pro
              - {tenant_id: 18446744073709551615, plan: "7", mode: observe, label: "yes"}
              - tenant_id: 0
                max_storage_bytes: 18446744073709551615
                blocked_until: 2030-01-01T00:00:00Z
            """;

    private static final String JSON = """
            {"plans":{"pro":{"max_signals_per_sec":100,"entity_idle_ttl":"P30D","required_regions":["eu"]},"7":{}},
             "tenants":[{"tenant_id":42,"label":"Acme","plan":"pro"},
              {"tenant_id":18446744073709551615,"plan":"7","mode":"observe","label":"yes"},
              {"tenant_id":0,"max_storage_bytes":18446744073709551615,"blocked_until":"2030-01-01T00:00:00Z"}]}
            """;

    private static DeclaredConfigs parse(String text) {
        return DeclaredConfigs.parse(text.getBytes(StandardCharsets.UTF_8));
    }

    private static TenantConfig config(String json) {
        return TenantConfigJson.parse(json.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void namesTheErrorInTheYamlAndItsPlace() {
        assertThatThrownBy(() -> parse("tenants:\n\t- tenant_id: 1\n"))
                .hasMessageStartingWith("line 2, column 1: ")
                .hasMessageContaining("cannot start any token");
    }

    @Test
    void yamlAndJsonDeclareTheSame() {
        DeclaredConfigs declared = parse(YAML);
        assertThat(declared).isEqualTo(parse(JSON));
        assertThat(declared.plans()).containsOnlyKeys("pro", "7");
        assertThat(declared.tenants().get(TenantId.of(42)))
                .isEqualTo(config("{\"tenant_id\":42,\"label\":\"Acme\",\"plan\":\"pro\"}"));
        assertThat(declared.tenants().get(TenantId.of(-1)).label()).isEqualTo("yes");
    }

    /** Parsers of YAML 1.1 read these as a number in base 60, a date, a default value and a merge key. */
    @ParameterizedTest
    @ValueSource(strings = {"12:30:00", "2001-01-01", "=", "<<", "1_000", "on", "n"})
    void aTextThatOtherParsersReadAsSomethingElseIsQuoted(String label) {
        DeclaredConfigs declared =
                new DeclaredConfigs(null, Map.of(TenantId.of(1), TenantConfig.unlimited(TenantId.of(1), label)));

        assertThat(new String(declared.yaml(), StandardCharsets.UTF_8)).contains("label: \"" + label + "\"");
    }

    @Test
    void aWrittenFileIsReadBack() {
        for (String label : List.of(
                "yes",
                "007",
                "1e3",
                "null",
                "~",
                "a: b # c",
                "- x",
                "*a",
                "&a",
                "é\"'\\",
                " a ",
                "0x1F",
                "true",
                "2030-01-01")) {
            TenantConfig labelled = TenantConfig.unlimited(TenantId.of(1), label);
            TenantConfig strict = config("{\"tenant_id\":2,\"plan\":\"1\",\"mode\":\"enforce\"}");
            DeclaredConfigs declared = new DeclaredConfigs(
                    Map.of("1", Plan.empty("1"), "true", new Plan("true", labelled)),
                    Map.of(TenantId.of(1), labelled, TenantId.of(2), strict));
            assertThat(DeclaredConfigs.parse(declared.yaml())).as(label).isEqualTo(declared);
            assertThat(DeclaredConfigs.parse(declared.json())).as(label).isEqualTo(declared);
        }
        for (String type : List.of("<<", "=", "12:30", "2030-01-01", "~", "0x1F", "a: b")) {
            TenantConfig typed = TenantConfig.unlimited(TenantId.of(1), "").toBuilder()
                    .signals(Map.of(type, new SignalLimit(5L, null)))
                    .build();
            DeclaredConfigs declared = new DeclaredConfigs(Map.of(), Map.of(TenantId.of(1), typed));
            assertThat(DeclaredConfigs.parse(declared.yaml())).as(type).isEqualTo(declared);
            assertThat(new String(declared.yaml(), StandardCharsets.UTF_8))
                    .as("parsers of YAML 1.1 read it as a text")
                    .contains("\"" + type + "\":");
        }
        DeclaredConfigs declared = parse(YAML);
        assertThat(DeclaredConfigs.parse(declared.yaml())).isEqualTo(declared);
        assertThat(new String(declared.yaml(), StandardCharsets.UTF_8)).doesNotContain("null", "max_items");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            tenants: [{tenant_id: 42, max_signal_per_sec: 5}]        | tenants[0] (tenant_id 42): unknown field 'max_signal_per_sec'
            tenants: [{tenant_id: 42, max_items: -1}]                | tenants[0] (tenant_id 42): max_items = -1 is outside 0 to
            tenants: [{tenant_id: 42}, {tenant_id: 42}]              | tenants[1]: tenant_id: 42 is declared twice
            tenants: [{label: a}]                                    | tenants[0]: tenant_id: is missing
            tenants: [{tenant_id: 1, tenant_id: 2}]                  | Duplicate field 'tenant_id'
            tenants: [{tenant_id: 010}]                              | 010 is not a whole number in digits alone
            tenants: [{tenant_id: 1_000}]                            | 1_000 is not a whole number in digits alone
            tenants: [{tenant_id: 0x10}]                             | 0x10 is not a
            tenants: [{tenant_id: 1, max_items: 1e3}]                | max_items: 1
            tenants: [{tenant_id: 1, label: &a x}, {tenant_id: 2, label: *a}] | aliases (*a) are not supported
            tenants: {}                                              | tenants: is not a list
            plans: []                                                | plans: is not a mapping
            plans: {p r o: {}}                                       | 'p r o' is not a name of a plan
            plans: {pro: {plan: free}}                               | plan 'pro': plan: is not a field of a plan
            plan: {}                                                 | unknown field 'plan'; known: plans, tenants
            {}                                                       | it declares neither plans nor tenants
            []                                                       | a mapping with plans and tenants is expected
            tenants: [                                               | line
            {"tenants":[}                                            | line 1
            """)
    void aFileThatBreaksARuleIsRejectedWithTheEntryTheFieldAndTheRule(String text, String message) {
        assertThatIllegalArgumentException().isThrownBy(() -> parse(text)).withMessageContaining(message);
    }

    @Test
    void allProblemsAreNamedUpToABound() {
        StringBuilder many = new StringBuilder("tenants:\n");
        for (int i = 0; i < 25; i++) {
            many.append("  - {tenant_id: %d, max_items: -1}\n".formatted(i));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse(many.toString()))
                .satisfies(failure -> assertThat(failure.getMessage().lines())
                        .hasSize(21)
                        .last()
                        .isEqualTo("5 more"));
        assertThatIllegalArgumentException().isThrownBy(() -> parse("")).withMessageContaining("empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("tenants: []\n---\ntenants: []\n"))
                .withMessage("it has a second document (---): put all in one");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("tenants: " + "[".repeat(5_000)))
                .withMessage("it is nested too deeply, or has a text or number that is too long");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("{\"tenants\":[]} {}"))
                .withMessage("something follows the JSON object");
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16", "UTF-16LE", "ISO-8859-1"})
    void aFileInAnotherEncodingThanUtf8IsRejectedAsSuch(String encoding) {
        byte[] file = "tenants: [{tenant_id: 1, label: Ünlü}]".getBytes(Charset.forName(encoding));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeclaredConfigs.parse(file))
                .withMessage("it is not UTF-8");
    }

    private static Snapshot stored(String... configs) {
        Map<TenantId, ConfigRecord> tenants = new TreeMap<>();
        Map<String, ConfigRecord> plans = new TreeMap<>();
        for (String config : configs) {
            if (config.startsWith("{")) {
                TenantConfig read = config(config);
                tenants.put(read.tenantId(), new ConfigRecord(read, 1));
            } else {
                plans.put(config, new ConfigRecord(Plan.empty(config).fields(), 1));
            }
        }
        return new Snapshot(tenants, plans);
    }

    private static List<String> changes(String yaml, Snapshot stored, boolean prune) {
        return ConfigApply.compare(parse(yaml), stored, prune).changes().stream()
                .map(DeclaredConfigsTest::text)
                .toList();
    }

    private static String text(Change change) {
        return (change.to() == null ? "-" : change.exists() ? "~" : "+")
                + change.key().text();
    }

    @Test
    void onlyDifferencesAreChangedAndOnlyDeclaredSectionsArePruned() {
        Snapshot stored =
                stored("pro", "old", "{\"tenant_id\":1}", "{\"tenant_id\":2,\"plan\":\"pro\"}", "{\"tenant_id\":0}");
        String yaml =
                "plans: {pro: {}, new: {}}\ntenants: [{tenant_id: 1, max_items: 5}, {tenant_id: 2, plan: pro}, {tenant_id: 3}]";

        assertThat(changes(yaml, stored, false)).containsExactly("+plan:new", "~1", "+3");
        assertThat(changes(yaml, stored, true)).containsExactly("+plan:new", "-0", "~1", "+3", "-plan:old");
        assertThat(changes("tenants: []", stored, true)).containsExactly("-0", "-1", "-2");
        assertThat(changes("plans: {pro: {}}", stored, true)).containsExactly("-plan:old");
        assertThat(ConfigApply.compare(ConfigApply.export(stored), stored, true).changes())
                .isEmpty();
    }

    @Test
    void aBlockStaysUnlessTheFileNamesIt() {
        Snapshot stored = stored(
                "{\"tenant_id\":1,\"blocked_until\":\"2030-01-01T00:00:00Z\"}",
                "{\"tenant_id\":2,\"max_items\":1,\"blocked_until\":\"2030-01-01T00:00:00Z\"}");
        assertThat(changes("tenants: [{tenant_id: 1}]", stored, false)).isEmpty();
        List<Change> changed = ConfigApply.compare(parse("tenants: [{tenant_id: 2, max_items: 5}]"), stored, false)
                .changes();
        assertThat(changed).hasSize(1);
        assertThat(changed.get(0).to())
                .isEqualTo(config("{\"tenant_id\":2,\"max_items\":5,\"blocked_until\":\"2030-01-01T00:00:00Z\"}"));
        assertThat(changes("tenants: [{tenant_id: 1, blocked_until: null}]", stored, false))
                .containsExactly("~1");
        assertThat(changes("tenants: [{tenant_id: 1, blocked_until: 2031-01-01T00:00:00Z}]", stored, false))
                .containsExactly("~1");
        assertThat(changes("tenants: [{tenant_id: 2, max_items: 1}]", stored, true))
                .containsExactly("-1");
    }

    @Test
    void aBlockOfAPlanStaysToo() {
        TenantConfig blocked = Plan.empty("pro").fields().withBlockedUntil(java.time.Instant.EPOCH);
        Snapshot stored = new Snapshot(new TreeMap<>(), new TreeMap<>(Map.of("pro", new ConfigRecord(blocked, 1))));
        assertThat(changes("plans: {pro: {}}", stored, false)).isEmpty();
        assertThat(changes("plans: {pro: {blocked_until: null}}", stored, false))
                .containsExactly("~plan:pro");
    }

    /** An operator sets the block after the file was compared and before the change is written: the edit sees the block. */
    @Test
    void aBlockThatAnOperatorSetsMeanwhileStays() {
        Snapshot stored = stored("{\"tenant_id\":1}");
        Change change = ConfigApply.compare(parse("tenants: [{tenant_id: 1, max_items: 5}]"), stored, false)
                .changes()
                .get(0);
        TenantConfig now = config("{\"tenant_id\":1,\"blocked_until\":\"2030-01-01T00:00:00Z\"}");
        ConfigEdit.Before before = new ConfigEdit.Before(
                change.key(),
                new ConfigWriter.Current(now, 7, true, ConfigHistory.NONE),
                ConfigWriter.Current.NONE,
                false,
                Map.of(),
                0);
        assertThat(change.edit(before))
                .isEqualTo(new ConfigEdit.Write(
                        config("{\"tenant_id\":1,\"max_items\":5,\"blocked_until\":\"2030-01-01T00:00:00Z\"}")));
    }

    @Test
    void limitsOfSignalsUnlimitedFieldsAndCeilingsAreWrittenAndReadBack() {
        DeclaredConfigs declared = parse("""
                plans:
                  pro: {max_items: 5, ceiling: {max_items: 9, signals: {click: {max_signals_per_sec: 3}}}}
                tenants:
                  - {tenant_id: 1, plan: pro, max_items: unlimited, signals: {"on": {max_signals_per_sec: 1, burst_signals: 7}, view: {max_signals_per_sec: 2}}}
                """);
        assertThat(declared.tenants().get(TenantId.of(1)).unlimited()).containsExactly("max_items");
        assertThat(DeclaredConfigs.parse(declared.yaml())).isEqualTo(declared);
        assertThat(DeclaredConfigs.parse(declared.json())).isEqualTo(declared);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("tenants: [{tenant_id: 1, ceiling: {max_items: 1}}]"))
                .withMessageContaining("tenants[0] (tenant_id 1): ceiling: is a field of plans");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse("tenants: [{tenant_id: 1, signals: {click: {max_signals_per_sec: -1}}}]"))
                .withMessageContaining("tenants[0] (tenant_id 1): signals.click: max_signals_per_sec = -1 is outside");
    }

    @Test
    void aFileThatLeavesATenantWithoutItsPlanIsRejectedBeforeAnythingIsWritten() {
        Snapshot stored = stored("pro", "{\"tenant_id\":2,\"plan\":\"pro\"}");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> changes("plans: {}", stored, true))
                .withMessageContaining("plan 'pro' is in use by 1 tenant, such as t2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> changes("tenants: [{tenant_id: 5, plan: gold}]", stored, false))
                .withMessageContaining("tenant t5: plan: 'gold' does not exist; plans: pro");
        assertThat(changes("plans: {}\ntenants: []", stored, true)).containsExactly("-2", "-plan:pro");
    }

    @Test
    void namesMoveBetweenTenantsAndATenantCannotTakeOneThatAnotherKeeps() {
        Snapshot stored = stored("{\"tenant_id\":1,\"external_ids\":[\"acme\"]}", "{\"tenant_id\":2}");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> changes("tenants: [{tenant_id: 2, external_ids: [acme]}]", stored, false))
                .withMessageContaining("tenant t1 has the name 'acme' already");
        assertThat(changes("tenants: [{tenant_id: 1}, {tenant_id: 2, external_ids: [acme]}]", stored, false))
                .containsExactly("~1", "~2");
        DeclaredConfigs exported = ConfigApply.export(stored);
        assertThat(DeclaredConfigs.parse(exported.yaml())).isEqualTo(exported);
    }

    /** So that each of several transactions follows the rules. */
    @Test
    void namesAreGivenUpBeforeAnotherTenantTakesThem() {
        Snapshot stored = stored("old", "{\"tenant_id\":1}", "{\"tenant_id\":2,\"external_ids\":[\"acme\"]}");
        String yaml =
                "plans: {new: {}}\ntenants: [{tenant_id: 1, external_ids: [acme]}, {tenant_id: 2, plan: new}, {tenant_id: 3}]";

        assertThat(ConfigApply.ordered(
                                ConfigApply.compare(parse(yaml), stored, true).changes())
                        .stream()
                        .map(DeclaredConfigsTest::text))
                .containsExactly("+plan:new", "~2", "~1", "+3", "-plan:old");
    }

    private static List<String> warnings(String yaml, Snapshot stored, boolean prune, String... settings) {
        Map<String, String> flags = new TreeMap<>();
        for (String setting : settings) {
            String[] parts = setting.split("=", 2);
            flags.put(parts[0], parts[1]);
        }
        List<Change> changes = ConfigApply.compare(parse(yaml), stored, prune).changes();
        return ChangeWarnings.of(changes, stored, SettingsLoader.load(null, Map.of(), flags)).stream()
                .map(Warning::message)
                .toList();
    }

    @Test
    void theWarningsAboutChangedEntriesNameThem() {
        Snapshot stored = stored("pro", "{\"tenant_id\":1,\"max_signals_per_sec\":100,\"burst_signals\":5}");
        String yaml = """
                plans: {pro: {max_signals_per_sec: 10, burst_signals: 0}}
                tenants:
                  - {tenant_id: 1, max_signals_per_sec: 100, burst_signals: 5}
                  - {tenant_id: 2, max_signals_per_sec: 100, burst_signals: 5}
                  - {tenant_id: 3, plan: pro}
                  - {tenant_id: 4, burst_signals: 7}
                """;
        assertThat(warnings(yaml, stored, false))
                .satisfiesExactly(
                        plan -> assertThat(plan).startsWith("plan 'pro': burst_signals = 0 rejects every signal"),
                        own -> assertThat(own).startsWith("tenant t2: burst_signals = 5 is less than one second"),
                        ofPlan -> assertThat(ofPlan).startsWith("tenant t3: burst_signals = 0 rejects every signal"),
                        other -> assertThat(other).startsWith("tenant t4: burst_signals = 7 has no effect"));
    }

    @Test
    void theFirstAndTheLastTenantChangeTheRuleForSignalsWithoutATenant() {
        Snapshot none = stored("{\"tenant_id\":0}");
        Snapshot two = stored("{\"tenant_id\":1}", "{\"tenant_id\":2}");
        assertThat(warnings("tenants: [{tenant_id: 7, blocked_until: 2020-01-01T00:00:00Z}]", none, false))
                .satisfiesExactly(
                        rule -> assertThat(rule).startsWith("t7 is the first tenant besides tenant 0: signals that"),
                        block -> assertThat(block).startsWith("tenant t7: blocked_until"));
        assertThat(warnings("tenants: [{tenant_id: 7}, {tenant_id: 0}, {tenant_id: 8}]", none, false))
                .singleElement()
                .asString()
                .startsWith("t7 and 1 more are the first tenants besides tenant 0: signals that");
        assertThat(warnings("tenants: []", two, true))
                .containsExactly(
                        "tenant 0 is the only configured tenant now: signals that name no tenant count for tenant 0");

        assertThat(warnings("tenants: [{tenant_id: 3}]", two, true))
                .as("others take their place")
                .isEmpty();
        assertThat(warnings("tenants: []", none, true)).isEmpty();
        assertThat(warnings("tenants: [{tenant_id: 7}]", none, false, "tenants.missing=default"))
                .isEmpty();
    }

    @Test
    void aFirstConfigWithoutLimitsOfTenant0IsReportedWhereTheseAppliedBefore() {
        Snapshot stored = stored(
                "pro",
                "{\"tenant_id\":0,\"max_signals_per_sec\":2,\"burst_signals\":9,\"max_entities\":3}",
                "{\"tenant_id\":1}",
                "{\"tenant_id\":9,\"max_signals_per_sec\":5}");
        String yaml = """
                tenants:
                  - {tenant_id: 0}
                  - {tenant_id: 1, label: known}
                  - {tenant_id: 2, label: X}
                  - {tenant_id: 3, max_signals_per_sec: 7}
                  - {tenant_id: 4, max_signals_per_sec: 7, max_entities: 8}
                  - {tenant_id: 5, plan: pro, max_signals_per_sec: 7, max_entities: unlimited}
                """;
        String lost = "the limits of tenant 0 applied to the tenant until now; its own config has no ";
        assertThat(warnings(yaml, stored, false, "tenants.unknown=default-config"))
                .containsExactly(
                        "tenant t2: %smax_signals_per_sec, max_entities".formatted(lost),
                        "tenant t3: %smax_entities".formatted(lost));
        assertThat(warnings(yaml, stored, false)).isEmpty();
    }
}
