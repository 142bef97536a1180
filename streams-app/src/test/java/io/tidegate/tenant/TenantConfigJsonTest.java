package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.TenantConfig.Mode;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TenantConfigJsonTest {
    private static final TenantConfig FULL_V1 = new TenantConfig(
            TenantId.parse("18446744073709551615"),
            100L,
            500L,
            TenantConfig.U64_MAX,
            BigInteger.valueOf(1L << 30),
            List.of("eu-west-1", "eu-central-1"),
            "Acme",
            Mode.OBSERVE,
            Instant.parse("2026-01-31T12:00:00Z"));

    private static final TenantConfig FULL_V2 = FULL_V1.toBuilder()
            .maxBytesPerSec(TenantConfig.U64_MAX)
            .burstBytes(BigInteger.valueOf(2_000_000))
            .maxSignalBytes(65_536L)
            .maxItems(BigInteger.ONE)
            .maxUsers(TenantConfig.U64_MAX)
            .maxCreators(BigInteger.ZERO)
            .build();

    private static final TenantConfig FULL_V3 = FULL_V2.toBuilder()
            .plan("Pro-2.eu_1")
            .periods(List.of(
                    new PeriodLimit(PeriodLimit.Per.MONTH, BigInteger.ZERO, BigInteger.valueOf(7)),
                    new PeriodLimit(PeriodLimit.Per.HOUR, null, TenantConfig.U64_MAX)))
            .externalIds(List.of("acme", "org_8Kd"))
            .build();

    private static final TenantConfig FULL = FULL_V3.toBuilder()
            .signals(Map.of("page view", new SignalLimit(0L, null), "click", new SignalLimit(10L, 20L)))
            .entityIdleTtl(Duration.ofDays(30))
            .maxItems(null)
            .unlimited(List.of("max_items"))
            .build();

    /** As written by builds without limits of bytes and of single kinds. */
    @Test
    void readsConfigsWithoutTheNewerFields() throws IOException {
        byte[] full = bytes(golden("tenant-config-v1.json"));
        assertThat(TenantConfigJson.parse(full)).isEqualTo(FULL_V1);
        assertThat(TenantConfigJson.parseStored(full)).isEqualTo(FULL_V1);
        assertThat(TenantConfigJson.parse(bytes(golden("tenant-config-default-v1.json"))))
                .isEqualTo(TenantConfig.defaultTenant());
    }

    /** As written by builds without plans and names. */
    @Test
    void readsConfigsWithoutAPlan() throws IOException {
        byte[] full = bytes(golden("tenant-config-v2.json"));
        assertThat(TenantConfigJson.parse(full)).isEqualTo(FULL_V2);
        assertThat(TenantConfigJson.parseStored(full)).isEqualTo(FULL_V2);
    }

    /** As written by builds without limits of single values of signal, "unlimited", ceilings and idle ttl. */
    @Test
    void readsConfigsAndPlansWithoutSignalsCeilingsAndAnIdleTtl() throws IOException {
        byte[] full = bytes(golden("tenant-config-v3.json"));
        assertThat(TenantConfigJson.parse(full)).isEqualTo(FULL_V3);
        assertThat(TenantConfigJson.parseStored(full)).isEqualTo(FULL_V3);
        assertThat(TenantConfigJson.parsePlan("pro", bytes(golden("plan-v1.json")))
                        .fields()
                        .ceiling())
                .isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "P30D, P30D",
        "PT720H, P30D",
        "PT12H, PT12H",
        "P1DT12H, PT36H",
        "PT1S, PT1S",
        "PT1.5S, PT1.5S",
        "P3650D, P3650D",
        "pt90m, PT1H30M"
    })
    void anIdleTtlIsAnIsoDurationAndIsWrittenInOneForm(String text, String written) {
        TenantConfig config = TenantConfigJson.parse(quoted("{'tenant_id':42,'entity_idle_ttl':'" + text + "'}"));
        String json = text(TenantConfigJson.write(config));
        assertThat(json).contains("\"entity_idle_ttl\":\"" + written + "\"");
        assertThat(TenantConfigJson.parse(bytes(json))).isEqualTo(config);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            'PT0S'     | t42: entity_idle_ttl = P0D is outside PT1S to P3650D in whole milliseconds (null is never)
            '-P1D'     | t42: entity_idle_ttl = P-1D is outside PT1S to P3650D in whole milliseconds (null is never)
            'PT0.999S' | t42: entity_idle_ttl = PT0.999S is outside PT1S to P3650D in whole milliseconds (null is never)
            'P3651D'   | t42: entity_idle_ttl = P3651D is outside PT1S to P3650D in whole milliseconds (null is never)
            'PT1.0005S'| t42: entity_idle_ttl = PT1.0005S is outside PT1S to P3650D in whole milliseconds (null is never)
            'P1M'      | entity_idle_ttl: 'P1M' is not an ISO duration such as P30D or PT12H
            '30d'      | entity_idle_ttl: '30d' is not an ISO duration such as P30D or PT12H
            ''         | entity_idle_ttl: '' is not an ISO duration such as P30D or PT12H
            3600       | entity_idle_ttl: an ISO duration such as P30D or PT12H in quotes is expected
            ['P1D']    | entity_idle_ttl: an ISO duration such as P30D or PT12H in quotes is expected
            """, quoteCharacter = '`')
    void anIdleTtlThatBreaksARuleIsRejectedWithTheFieldAndTheRule(String value, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(quoted("{'tenant_id':42,'entity_idle_ttl':" + value + "}")))
                .withMessage(message);
    }

    @Test
    void theGoldenFileOfAPlanIsWrittenAndReadBackInBothWays() throws IOException {
        TenantConfig fields = TenantConfig.unlimited(TenantId.DEFAULT, "Pro").toBuilder()
                .maxSignalsPerSec(100L)
                .maxCreators(BigInteger.valueOf(5))
                .requiredRegions(List.of("eu"))
                .ceiling(new Ceiling(TenantConfig.unlimited(TenantId.DEFAULT, "").toBuilder()
                        .maxSignalsPerSec(500L)
                        .periods(List.of(new PeriodLimit(PeriodLimit.Per.DAY, BigInteger.valueOf(7), null)))
                        .build()))
                .build();
        byte[] plan = bytes(golden("plan.json"));

        assertThat(text(TenantConfigJson.writePlan(fields))).isEqualTo(golden("plan.json"));
        assertThat(TenantConfigJson.parsePlan("pro", plan)).isEqualTo(new Plan("pro", fields));
        assertThat(TenantConfigJson.parseStoredPlan("pro", plan)).isEqualTo(new Plan("pro", fields));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {'max_entities':-1}      | plan 'pro': max_entities = -1 is outside 0 to 18446744073709551615 (null is unlimited)
            {'max_entities':1.5}     | plan 'pro': max_entities: 1.5 is not a whole number in digits alone, such as 100 (not 100.0, 1e2 or "100"), or is too large
            {'mode':'off'}           | plan 'pro': mode: "off" is not one of enforce, observe
            {'tenant_id':1}          | plan 'pro': tenant_id: is not a field of a plan
            {'plan':'free'}          | plan 'pro': plan: is not a field of a plan
            {'external_ids':['a']}   | plan 'pro': external_ids: is not a field of a plan
            {'plan':null}            | plan 'pro': plan: is not a field of a plan
            []                       | plan 'pro': a plan is an object in { }
            {'ceiling':5}            | plan 'pro': ceiling: an object with limits is expected
            {'ceiling':{}}           | plan 'pro': ceiling: names no limit; limits: max_signals_per_sec, burst_signals, max_bytes_per_sec, burst_bytes, max_signal_bytes, periods, signals, max_entities, max_items, max_users, max_creators, max_storage_bytes
            {'ceiling':{'mode':'observe'}}    | plan 'pro': ceiling: 'mode' is not a limit; limits: max_signals_per_sec, burst_signals, max_bytes_per_sec, burst_bytes, max_signal_bytes, periods, signals, max_entities, max_items, max_users, max_creators, max_storage_bytes
            {'ceiling':{'max_items':-1}}      | plan 'pro': ceiling: max_items = -1 is outside 0 to 18446744073709551615 (null is unlimited)
            {'ceiling':{'max_items':1.5}}     | plan 'pro': ceiling.max_items: the value is not a whole number in digits alone, such as 100 (not 100.0, 1e2 or "100"), or is too large
            {'signals':[]}                    | plan 'pro': signals: the value is not an object in { }
            {'mode':'observe'        | plan 'pro': not JSON: it ends unexpectedly at line 1, column 18
            """)
    void aPlanThatBreaksARuleIsRejectedWithTheFieldAndTheRule(String json, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parsePlan("pro", bytes(json.replace((char) 39, '"'))))
                .withMessage(message);
    }

    @Test
    void anUnknownFieldOfAPlanIsRejectedOnWriteAndIgnoredOnRead() {
        byte[] json = bytes("{\"max_signal_per_sec\":5,\"max_items\":3}");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parsePlan("pro", json))
                .withMessageContaining("unknown field 'max_signal_per_sec'");
        assertThat(TenantConfigJson.parseStoredPlan("pro", json).fields().maxItems())
                .isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"''", "'.'", "'a b'", "'a/b'", "'plan:x'", "'ä'", "5", "'-a'"})
    void aNameThatIsNoNameOfAPlanIsRejected(String plan) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(quoted("{'tenant_id':42,'plan':" + plan + "}")))
                .withMessageContaining("plan");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {'signals':{'click':{}}}                                    | signals.click: max_signals_per_sec is missing
            {'signals':{'click':{'max_signals_per_sec':-1}}}            | signals.click: max_signals_per_sec = -1 is outside 0 to 4294967295
            {'signals':{'click':{'max_signals_per_sec':1,'burst_signals':4294967296}}} | signals.click: burst_signals = 4294967296 is outside 0 to 4294967295
            {'signals':{'click':{'max_signals_per_sec':1.5}}}           | signals.click.max_signals_per_sec: 1.5 is not a whole number
            {'signals':{'click':{'max_signals_per_sec':1,'rate':1}}}    | unknown field 'rate'
            {'signals':{'click':null}}                                  | signals: 'click' has no limit
            {'signals':{'':{'max_signals_per_sec':1}}}                  | signals: '' is not a value of signal
            {'unlimited':['mode']}                                      | unlimited: 'mode' is not a limit
            {'unlimited':['burst_bytes']}                               | burst_bytes cannot be unlimited
            {'burst_signals':'unlimited'}                               | burst_signals cannot be unlimited
            {'unlimited':['max_items'],'max_items':3}                   | max_items is unlimited, and has a value
            {'unlimited':'max_items'}                                   | unlimited
            {'max_items':'none'}                                        | max_items: "none" is not a whole number
            {'ceiling':{'max_items':3}}                                 | ceiling: is a field of plans, not of tenants
            """)
    void aFieldThatBreaksARuleIsRejectedWithTheFieldAndTheRule(String json, String message) {
        byte[] config = quoted("{'tenant_id':42,'plan':'pro'," + json.substring(1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(config))
                .withMessageContaining(message);
    }

    @Test
    void aConfigHasABoundedNumberOfSignalsWithNamesOfBoundedLength() {
        Map<String, SignalLimit> limits = new HashMap<>();
        for (int i = 0; i <= TenantConfig.SIGNALS_MAX; i++) {
            limits.put("s" + i, new SignalLimit(1L, null));
        }
        TenantConfig.Builder config = TenantConfig.unlimited(TenantId.of(42), "").toBuilder();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> config.signals(limits).build())
                .withMessage("t42: signals has 17 entries, the limit is 16");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> config.signals(
                                Map.of("x".repeat(TenantConfig.SIGNAL_CHARS_MAX + 1), new SignalLimit(1L, null)))
                        .build())
                .withMessageContaining("is not a value of signal (1 to 128 characters, without control characters)");
    }

    @Test
    void theTextUnlimitedInsteadOfALimitIsReadAsAnEntryOfTheList() {
        TenantConfig read = TenantConfigJson.parse(quoted(
                "{'tenant_id':42,'plan':'pro','label':'unlimited','max_items':'unlimited','periods':'unlimited'}"));
        assertThat(read.unlimited()).containsExactly("max_items", "periods");
        assertThat(read.label()).isEqualTo("unlimited");
        assertThat(TenantConfigJson.parseStored(TenantConfigJson.write(read))).isEqualTo(read);
        assertThat(TenantConfigJson.fieldsSet(read)).contains("max_items", "periods");
        assertThat(TenantConfigJson.parse(quoted("{'tenant_id':42,'max_items':'unlimited'}"))
                        .unlimited())
                .as("without a plan it is unlimited anyway")
                .isEmpty();
    }

    @Test
    void aPatchedLimitIsNotUnlimitedAnyMore() throws IOException {
        TenantConfig base = TenantConfigJson.parse(
                quoted("{'tenant_id':42,'plan':'pro','unlimited':['max_items','max_users','max_creators']}"));
        ObjectNode patch = (ObjectNode)
                new JsonMapper().readTree(quoted("{'max_items':7,'max_users':null,'max_entities':'unlimited'}"));
        TenantConfig patched = TenantConfigJson.patched(base, patch);
        assertThat(patched.maxItems()).isEqualTo(7);
        assertThat(patched.unlimited()).containsExactly("max_creators", "max_entities");
    }

    /** Otherwise an older instance would not know the tenant, or all tenants of the plan, after a restart. */
    @Test
    void limitsThatOnlyANewerBuildKnowsAreIgnoredInStoredLists() {
        byte[] unlimited = quoted("{'tenant_id':42,'plan':'pro','unlimited':['max_sessions','max_items']}");
        assertThat(TenantConfigJson.parseStored(unlimited).unlimited()).containsExactly("max_items");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(unlimited))
                .withMessageContaining("max_sessions");

        byte[] ceiling = quoted("{'max_items':3,'ceiling':{'max_sessions':5}}");
        TenantConfig plan = TenantConfigJson.parseStoredPlan("pro", ceiling).fields();
        assertThat(plan.maxItems()).isEqualTo(3);
        assertThat(plan.ceiling()).isNull();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parsePlan("pro", ceiling))
                .withMessageContaining("max_sessions");
        byte[] nothing = quoted("{'max_items':3,'ceiling':{}}");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parsePlan("pro", nothing))
                .withMessageContaining("ceiling");
    }

    @Test
    void aPatchThatRemovesTheLastEntryOfACeilingRemovesTheCeiling() throws IOException {
        for (String[] lastAndPatch : new String[][] {
            {"'signals':{'click':{'max_signals_per_sec':50}}", "{'ceiling':{'signals':{'click':null}}}"},
            {"'periods':[{'per':'day','max_signals':5}]", "{'ceiling':{'periods':[]}}"}
        }) {
            TenantConfig plan = TenantConfigJson.parsePlan("pro", quoted("{'ceiling':{%s}}".formatted(lastAndPatch[0])))
                    .fields();

            Plan patched = TenantConfigJson.patchedPlan("pro", plan, object(lastAndPatch[1]));

            assertThat(patched.fields().ceiling()).isNull();
        }
    }

    @Test
    void aPatchReplacesWhatItNamesInsideAnObjectAndLeavesTheRest() throws IOException {
        TenantConfig base = TenantConfigJson.parse(
                quoted(
                        "{'tenant_id':42,'signals':{'a':{'max_signals_per_sec':1,'burst_signals':9},'b':{'max_signals_per_sec':2}}}"));
        TenantConfig patched =
                TenantConfigJson.patched(base, object("{'signals':{'a':{'max_signals_per_sec':3},'b':null}}"));
        assertThat(patched.signals()).isEqualTo(Map.of("a", new SignalLimit(3L, 9L)));
        assertThat(TenantConfigJson.patched(base, object("{'signals':null}")).signals())
                .isEmpty();

        TenantConfig plan = TenantConfigJson.parsePlan("pro", quoted("{'ceiling':{'max_items':1,'max_users':2}}"))
                .fields();
        assertThat(TenantConfigJson.patchedPlan("pro", plan, object("{'ceiling':{'max_items':null}}"))
                        .fields())
                .isEqualTo(TenantConfigJson.parsePlan("pro", quoted("{'ceiling':{'max_users':2}}"))
                        .fields());
        assertThat(TenantConfigJson.patchedPlan("pro", plan, object("{'ceiling':{'max_items':null,'max_users':null}}"))
                        .fields()
                        .ceiling())
                .isNull();
        assertThat(TenantConfigJson.patchedPlan("pro", plan, object("{'ceiling':null}"))
                        .fields()
                        .ceiling())
                .isNull();
    }

    private static ObjectNode object(String json) throws IOException {
        return (ObjectNode) new JsonMapper().readTree(quoted(json));
    }

    @Test
    void writesTheGoldenFileOfAConfigWithAllFields() throws IOException {
        assertThat(text(TenantConfigJson.write(FULL))).isEqualTo(golden("tenant-config.json"));
    }

    @Test
    void writesTheGoldenFileOfTheDefaultTenant() throws IOException {
        assertThat(text(TenantConfigJson.write(TenantConfig.defaultTenant())))
                .isEqualTo(golden("tenant-config-default.json"));
    }

    @Test
    void readsTheGoldenFilesBackInBothWays() throws IOException {
        byte[] full = bytes(golden("tenant-config.json"));
        assertThat(TenantConfigJson.parse(full)).isEqualTo(FULL);
        assertThat(TenantConfigJson.parseStored(full)).isEqualTo(FULL);
        byte[] dflt = bytes(golden("tenant-config-default.json"));
        assertThat(TenantConfigJson.parse(dflt)).isEqualTo(TenantConfig.defaultTenant());
        assertThat(TenantConfigJson.parseStored(dflt)).isEqualTo(TenantConfig.defaultTenant());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "42", "9223372036854775808", "18446744073709551615"})
    void holdsTheTenantIdAsABareNumber(String id) {
        TenantConfig config = TenantConfig.unlimited(TenantId.parse(id), "");
        byte[] json = TenantConfigJson.write(config);
        assertThat(text(json)).startsWith("{\"tenant_id\":" + id + ",");
        assertThat(TenantConfigJson.parse(json)).isEqualTo(config);
    }

    @Test
    void needsTheTenantIdAlone() {
        assertThat(TenantConfigJson.parse(bytes("{\"tenant_id\":42}")))
                .isEqualTo(TenantConfig.unlimited(TenantId.of(42), ""));
    }

    @Test
    void readsNullAsAbsent() {
        String json = "{'tenant_id':42,'max_signals_per_sec':null,'burst_signals':null,'max_entities':null,"
                + "'max_storage_bytes':null,'required_regions':null,'label':null,'mode':null,'blocked_until':null}";
        assertThat(TenantConfigJson.parse(quoted(json))).isEqualTo(TenantConfig.unlimited(TenantId.of(42), ""));
    }

    @Test
    void rejectsAnUnknownFieldThatIsWrittenAndNamesTheKnownOnes() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(quoted("{'tenant_id':42,'max_signal_per_sec':5}")))
                .withMessage(
                        "unknown field 'max_signal_per_sec'; known: blocked_until, burst_bytes, burst_signals, entity_idle_ttl, external_ids, label,"
                                + " max_bytes_per_sec, max_creators, max_entities, max_items, max_signal_bytes,"
                                + " max_signals_per_sec, max_storage_bytes, max_users, mode, periods, plan, required_regions, signals,"
                                + " tenant_id, unlimited");
    }

    @Test
    void namesOnlyTheFieldsOfAPlanForAnUnknownFieldOfAPlan() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parsePlan("pro", quoted("{'max_signal_per_sec':5}")))
                .withMessageContaining("plan 'pro': unknown field 'max_signal_per_sec'; known: blocked_until,")
                .withMessageContaining("ceiling")
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("tenant_id", "external_ids"));
    }

    @Test
    void ignoresAnUnknownFieldThatIsStored() {
        byte[] json = quoted("{'future':{'a':[1,{}]},'tenant_id':42,'max_signals_per_sec':5,'more':1.5}");
        TenantConfig config = TenantConfigJson.parseStored(json);
        assertThat(config.tenantId()).isEqualTo(TenantId.of(42));
        assertThat(config.maxSignalsPerSec()).isEqualTo(5L);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // not JSON, or not one object
                "not json | not JSON",
                "{'tenant_id':42 | not JSON",
                "{'tenant_id':42}} | ",
                "{'tenant_id':42} {'tenant_id':43} | ",
                "null | JSON null",
                "[] | ",
                "42 | ",
                "'42' | ",
                // repeated fields
                "{'tenant_id':42,'max_entities':1,'max_entities':2} | max_entities",
                "{'tenant_id':42,'tenant_id':42} | tenant_id",
                // the tenant
                "{} | tenant_id",
                "{'tenant_id':null} | tenant_id",
                "{'tenant_id':-1} | tenant_id",
                "{'tenant_id':18446744073709551616} | tenant_id",
                "{'tenant_id':7.0} | tenant_id",
                "{'tenant_id':7e0} | tenant_id",
                "{'tenant_id':007} | ",
                "{'tenant_id':+7} | ",
                "{'tenant_id':'42'} | tenant_id",
                "{'tenant_id':''} | tenant_id",
                "{'tenant_id':'../../etc'} | tenant_id",
                "{'tenant_id':true} | tenant_id",
                "{'tenant_id':[42]} | tenant_id",
                "{'tenant_id':{'bits':42}} | tenant_id",
                // quotas
                "{'tenant_id':42,'max_signals_per_sec':-1} | max_signals_per_sec = -1",
                "{'tenant_id':42,'max_signals_per_sec':4294967296} | max_signals_per_sec = 4294967296",
                "{'tenant_id':42,'max_signals_per_sec':9223372036854775808} | max_signals_per_sec",
                "{'tenant_id':42,'max_signals_per_sec':1.0} | max_signals_per_sec",
                "{'tenant_id':42,'max_signals_per_sec':'1'} | max_signals_per_sec",
                "{'tenant_id':42,'max_signals_per_sec':''} | max_signals_per_sec",
                "{'tenant_id':42,'max_signals_per_sec':false} | max_signals_per_sec",
                "{'tenant_id':42,'max_signals_per_sec':[1]} | max_signals_per_sec",
                "{'tenant_id':42,'burst_signals':-1} | burst_signals = -1",
                "{'tenant_id':42,'burst_signals':0.5} | burst_signals",
                "{'tenant_id':42,'max_entities':-1} | max_entities = -1",
                "{'tenant_id':42,'max_entities':'7'} | max_entities",
                "{'tenant_id':42,'max_entities':''} | max_entities",
                "{'tenant_id':42,'max_entities':7.5} | max_entities",
                "{'tenant_id':42,'max_entities':18446744073709551616} | max_entities = 18446744073709551616",
                "{'tenant_id':42,'max_storage_bytes':-1} | max_storage_bytes = -1",
                "{'tenant_id':42,'max_storage_bytes':'1GiB'} | max_storage_bytes",
                // the rest
                "{'tenant_id':42,'required_regions':'eu'} | required_regions",
                "{'tenant_id':42,'required_regions':''} | required_regions",
                "{'tenant_id':42,'required_regions':[null]} | required_regions",
                "{'tenant_id':42,'required_regions':[1]} | required_regions",
                "{'tenant_id':42,'required_regions':['EU']} | required_regions: 'EU'",
                "{'tenant_id':42,'label':5} | label",
                "{'tenant_id':42,'label':['a']} | label",
                "{'tenant_id':42,'label':'a\\nb'} | label",
                "{'tenant_id':42,'mode':'off'} | mode",
                "{'tenant_id':42,'mode':'OBSERVE'} | mode",
                "{'tenant_id':42,'mode':''} | mode",
                "{'tenant_id':42,'mode':1} | mode",
                "{'tenant_id':42,'blocked_until':'tomorrow'} | blocked_until",
                "{'tenant_id':42,'blocked_until':''} | blocked_until",
                "{'tenant_id':42,'blocked_until':' '} | blocked_until",
                "{'tenant_id':42,'blocked_until':1769860800} | blocked_until",
                "{'tenant_id':42,'blocked_until':{}} | blocked_until",
                "{'tenant_id':42,'blocked_until':'+1000000-01-01T00:00:00Z'} | blocked_until",
            })
    void rejectsABadConfigInBothWaysAndNamesTheField(String json, String expected) {
        String named = expected == null ? "" : expected;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(quoted(json)))
                .withMessageContaining(named)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parseStored(quoted(json)))
                .withMessageContaining(named);
    }

    @Test
    void rejectsTenThousandLevelsOfNesting() {
        byte[] json = quoted("{'tenant_id':42,'x':" + "[".repeat(10_000) + "]".repeat(10_000) + "}");
        assertThatIllegalArgumentException().isThrownBy(() -> TenantConfigJson.parseStored(json));
    }

    @Test
    void rejectsEmptyAndInvalidUtf8() {
        assertThatIllegalArgumentException().isThrownBy(() -> TenantConfigJson.parse(new byte[0]));
        byte[] json = quoted("{'tenant_id':42,'label':'?'}");
        json[json.length - 3] = (byte) 0xff;
        assertThatIllegalArgumentException().isThrownBy(() -> TenantConfigJson.parse(json));
    }

    /** A bad record must be rejected with the one exception that readers of the topic expect. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void readsMutatedConfigsOrRejectsThemWithAMessage(long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] golden = bytes(golden("tenant-config.json"));
        String alphabet = "{}[]\",:0123456789.-+eEnultrfasx\\ \n\0";
        int read = 0;
        for (int i = 0; i < 5_000; i++) {
            byte[] json = golden.clone();
            for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
                json[random.nextInt(json.length)] = random.nextInt(4) == 0
                        ? (byte) random.nextInt(256)
                        : (byte) alphabet.charAt(random.nextInt(alphabet.length()));
            }
            try {
                TenantConfig config = TenantConfigJson.parseStored(json);
                assertThat(TenantConfigJson.parse(TenantConfigJson.write(config)))
                        .as("seed %d, step %d: %s", seed, i, text(json))
                        .isEqualTo(config);
                read++;
            } catch (IllegalArgumentException e) {
                assertThat(e.getMessage())
                        .as("seed %d, step %d: %s", seed, i, text(json))
                        .isNotBlank();
            }
        }
        assertThat(read).as("seed %d: both outcomes occur", seed).isBetween(1, 4_999);
    }

    private static byte[] quoted(String json) {
        return bytes(json.replace('\'', '"'));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static String golden(String name) throws IOException {
        try (InputStream in = TenantConfigJsonTest.class.getResourceAsStream("/golden/" + name)) {
            assertThat(in).as("golden file %s", name).isNotNull();
            return text(in.readAllBytes()).strip();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'tenant_id':42,'max_signals_per_sec':100.0} | max_signals_per_sec: 100.0 is not a whole number",
                "{'tenant_id':42,'burst_signals':1e2} | burst_signals: 1e2 is not a whole number",
                "{'tenant_id':42,'max_entities':'100'} | max_entities: \"100\" is not a whole number",
                "{'tenant_id':42,'max_storage_bytes':1e400} | max_storage_bytes: 1e400 is not a whole number",
                "{'tenant_id':42,'max_signals_per_sec':99999999999999999999} | max_signals_per_sec: 9999999",
                "{'tenant_id':42,'max_signals_per_sec':{}} | max_signals_per_sec: the value is not a whole number",
                "{'tenant_id':42,'max_signals_per_sec':true} | max_signals_per_sec: true is not a whole number",
                "{'tenant_id':4.5} | tenant_id: 4.5 is not",
                "{'tenant_id':42,'required_regions':'eu'} | required_regions: \"eu\" is not a list",
                "{'tenant_id':42,'required_regions':[1]} | required_regions: 1 is not a text",
                "{'tenant_id':42,'label':7} | label: 7 is not a text",
                "{'tenant_id':42,'mode':'maybe'} | mode: \"maybe\" is not one of enforce, observe",
                "{'tenant_id':42,'mode':1} | mode: 1 is not one of enforce, observe",
                "{'tenant_id':42,'blocked_until':1} | blocked_until: an ISO time",
                "{'tenant_id':42,'blocked_until':'soon'} | blocked_until: 'soon' is not an ISO time",
                "{'tenant_id':42,'label':'a','label':'b'} | the field 'label' occurs twice",
                "{} | tenant_id: is missing",
                "[1] | config: ",
                "'x' | config: ",
                "{'tenant_id': | not JSON: it ends unexpectedly at line 1, column 14",
                "{'tenant_id':42,} | not JSON: syntax error at line 1"
            })
    void namesFieldAndRuleAndNothingOfJava(String json, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(quoted(json)))
                .satisfies(e -> assertThat(e.getMessage())
                        .contains(message)
                        .doesNotContain(
                                "java", "Jackson", "Coercion", "fasterxml", "tidegate.", "Exception", "Stream"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'tenant_id':42,'blocked_until':'%s'}",
                "{'tenant_id':42,'required_regions':['%s']}",
                "{'tenant_id':42,'max_entities':'%s'}",
                "{'tenant_id':42,'mode':'%s'}",
                "{'tenant_id':42,'%s':1}",
                "{'tenant_id':42,'%1$s':1,'%1$s':1}",
                "{'%s"
            })
    void quotesALongValueShortened(String json) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TenantConfigJson.parse(quoted(json.formatted("x\\n".repeat(20_000)))))
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400).doesNotContain("\n"));
    }
}
