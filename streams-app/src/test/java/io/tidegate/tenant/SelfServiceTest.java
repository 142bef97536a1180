package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.SelfService.Violation;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SelfServiceTest {
    private static final String PLAN = """
            {'max_signals_per_sec':100,'max_items':10,'max_users':20,
             'periods':[{'per':'day','max_signals':1000},{'per':'month','max_bytes':5000}],
             'signals':{'click':{'max_signals_per_sec':5},'view':{'max_signals_per_sec':7}},
             'ceiling':{'max_signals_per_sec':500,'max_items':30,'max_storage_bytes':1000,
                        'max_bytes_per_sec':10,
                        'periods':[{'per':'day','max_signals':2000,'max_bytes':9}],
                        'signals':{'click':{'max_signals_per_sec':50,'burst_signals':60}}}}
            """;

    private static TenantConfig tenant(String fields) {
        String more = fields.isBlank() ? "" : "," + fields;
        return TenantConfigJson.parse(bytes("{'tenant_id':42,'plan':'pro'" + more + "}"));
    }

    private static TenantConfig plan(String json) {
        return TenantConfigJson.parsePlan("pro", bytes(json)).fields();
    }

    private static byte[] bytes(String json) {
        return json.replace((char) 39, '"').getBytes(StandardCharsets.UTF_8);
    }

    private static @Nullable String field(String before, String after) {
        Violation found = SelfService.check(tenant(before), tenant(after), plan(PLAN));
        return found == null ? null : found.field();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            'max_signals_per_sec':500
            'max_signals_per_sec':0
            'max_signals_per_sec':500,'burst_signals':1000
            'max_items':30
            'max_users':20
            'max_users':3
            'max_creators':18446744073709551615
            'max_storage_bytes':1000
            'max_bytes_per_sec':10,'burst_bytes':20
            'label':'Acme'
            'periods':[{'per':'day','max_signals':2000,'max_bytes':9},{'per':'month','max_bytes':5000}]
            'periods':[{'per':'hour','max_signals':1},{'per':'day','max_signals':1},{'per':'month','max_bytes':1}]
            'signals':{'click':{'max_signals_per_sec':30},'view':{'max_signals_per_sec':7}}
            'signals':{'click':{'max_signals_per_sec':1},'view':{'max_signals_per_sec':1},'buy':{'max_signals_per_sec':9}}
            'max_signal_bytes':5
            """)
    void aTenantMaySetItsLimitsUpToTheCeiling(String after) {
        assertThat(field("", after)).isNull();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            'max_signals_per_sec':501                           | max_signals_per_sec
            'max_signals_per_sec':'unlimited'                   | max_signals_per_sec
            'burst_signals':1001                                | burst_signals
            'max_items':31                                      | max_items
            'max_users':21                                      | max_users
            'max_users':'unlimited'                             | max_users
            'max_storage_bytes':1001                            | max_storage_bytes
            'max_bytes_per_sec':10,'burst_bytes':21             | burst_bytes
            'max_bytes_per_sec':11                              | max_bytes_per_sec
            'periods':'unlimited'                               | periods
            'periods':[{'per':'day','max_signals':5}]           | periods
            'periods':[{'per':'day','max_signals':2001},{'per':'month','max_bytes':1}] | periods
            'periods':[{'per':'day','max_bytes':1},{'per':'month','max_bytes':1}]      | periods
            'signals':{'click':{'max_signals_per_sec':31},'view':{'max_signals_per_sec':7}} | signals
            'signals':{'click':{'max_signals_per_sec':1},'view':{'max_signals_per_sec':8}}  | signals
            'signals':{'click':{'max_signals_per_sec':1}}       | signals
            'signals':'unlimited'                               | signals
            'mode':'observe'                                    | mode
            'blocked_until':'2026-01-31T12:00:00Z'              | blocked_until
            'required_regions':['eu']                           | required_regions
            'entity_idle_ttl':'P30D'                            | entity_idle_ttl
            'entity_idle_ttl':'PT1S'                            | entity_idle_ttl
            'entity_idle_ttl':'unlimited'                       | entity_idle_ttl
            'unlimited':['entity_idle_ttl']                     | entity_idle_ttl
            'external_ids':['acme']                             | external_ids
            """)
    void beyondTheCeilingAndOtherFieldsAreRejectedWithTheField(String after, String field) {
        assertThat(field("", after)).isEqualTo(field);
    }

    @Test
    void aTenantCannotLeaveItsPlanNorLiftItsBlock() {
        TenantConfig blocked = tenant("'blocked_until':'2026-01-31T12:00:00Z'");
        TenantConfig free = blocked.toBuilder().blockedUntil(null).build();
        assertThat(SelfService.check(blocked, free, plan(PLAN)))
                .isEqualTo(new Violation(
                        "blocked_until",
                        false,
                        "blocked_until: a tenant can change its limits and its label, not this"));
        assertThat(SelfService.check(blocked, blocked.toBuilder().plan("max").build(), plan(PLAN)))
                .extracting(Violation::field)
                .isEqualTo("plan");
    }

    @Test
    void aTenantCannotEndTheIdleTtlThatAnOperatorGaveItAndKeepsItWithOtherChanges() {
        assertThat(field("'entity_idle_ttl':'P1D'", "")).isEqualTo("entity_idle_ttl");
        assertThat(field("'entity_idle_ttl':'unlimited'", "")).isEqualTo("entity_idle_ttl");
        assertThat(field("'entity_idle_ttl':'P1D'", "'entity_idle_ttl':'P1D','max_items':30"))
                .isNull();
        assertThat(field("'entity_idle_ttl':'unlimited'", "'entity_idle_ttl':'unlimited','max_items':30"))
                .isNull();
    }

    @Test
    void aRemovedLimitIsJudgedByTheLimitOfThePlan() {
        assertThat(field("'max_items':5", "")).isNull();
        TenantConfig loose = plan("{'max_items':50,'ceiling':{'max_items':30}}");
        assertThat(SelfService.check(tenant("'max_items':5"), tenant(""), loose))
                .isEqualTo(new Violation("max_items", true, "max_items: 50 is above the ceiling of plan 'pro', 30"));
        TenantConfig unlimited = plan("{'ceiling':{'max_items':30}}");
        assertThat(SelfService.check(tenant("'max_items':5"), tenant(""), unlimited))
                .isEqualTo(new Violation(
                        "max_items", true, "max_items: unlimited is above the ceiling of plan 'pro', 30"));
    }

    @Test
    void anOperatorsLimitBeyondTheCeilingStaysUntilTheTenantChangesIt() {
        assertThat(field("'max_items':900", "'max_items':900,'max_users':5")).isNull();
        assertThat(field("'max_items':900", "'max_items':800")).isEqualTo("max_items");
        assertThat(field("'max_items':900", "'max_items':30")).isNull();
    }

    @Test
    void aBurstThatFollowsFromTheRateCounts() {
        TenantConfig plan = plan("{'ceiling':{'burst_signals':100}}");
        assertThat(SelfService.check(tenant(""), tenant("'max_signals_per_sec':50"), plan))
                .isNull();
        assertThat(SelfService.check(tenant(""), tenant("'max_signals_per_sec':51"), plan))
                .isEqualTo(new Violation(
                        "burst_signals", true, "burst_signals: 102 is above the ceiling of plan 'pro', 100"));
    }

    @Test
    void withoutACeilingAPlanLetsItsTenantsChooseTighterLimitsOnly() {
        TenantConfig plan = plan("{'max_items':10}");
        assertThat(SelfService.check(tenant(""), tenant("'max_items':10,'max_users':5"), plan))
                .isNull();
        assertThat(SelfService.check(tenant(""), tenant("'max_items':11"), plan))
                .extracting(Violation::field)
                .isEqualTo("max_items");
    }

    @Test
    void aTenantWithoutAPlanCanChangeItsLabelAlone() {
        TenantConfig own = TenantConfigJson.parse(bytes("{'tenant_id':42,'max_items':10}"));
        assertThat(SelfService.check(own, own.toBuilder().label("Acme").build(), null))
                .isNull();
        Violation found = SelfService.check(
                own, own.toBuilder().maxItems(java.math.BigInteger.ONE).build(), null);
        assertThat(found).isNotNull();
        assertThat(found.field()).isEqualTo("max_items");
        assertThat(found.isBeyondCeiling()).isTrue();
    }
}
