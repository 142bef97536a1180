package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.ConfigEdit.Kind;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class NameUseTest {
    private static final ConfigKey T1 = ConfigKey.of(TenantId.of(1));
    private static final ConfigKey T2 = ConfigKey.of(TenantId.of(2));
    private static final ConfigKey T3 = ConfigKey.of(TenantId.of(3));

    private final NameUse use = new NameUse();

    private static TenantConfig named(ConfigKey key, String... names) {
        TenantConfig plain = TenantConfig.unlimited(((ConfigKey.OfTenant) key).tenant(), "");
        return plain.toBuilder().externalIds(List.of(names)).build();
    }

    private Set<ConfigKey> violated(Map<ConfigKey, @Nullable TenantConfig> changes) {
        return use.violations(new TreeMap<>(changes)).keySet();
    }

    @Test
    void aNameThatAnotherTenantHasIsTaken() {
        use.apply(T1, named(T1, "acme"));

        var violations = use.violations(Map.of(T2, named(T2, "globex", "acme")));
        assertThat(violations).containsOnlyKeys(T2);
        assertThat(violations.get(T2).kind()).isEqualTo(Kind.NAME_TAKEN);
        assertThat(violations.get(T2).message()).startsWith("external_ids: tenant t1 has the name 'acme' already");
        assertThat(violated(Map.of(T2, named(T2, "Acme")))).isEmpty();

        use.apply(T1, null);
        assertThat(violated(Map.of(T2, named(T2, "acme")))).isEmpty();
    }

    @Test
    void namesMoveWithinOneTransactionAndTwoTenantsCannotTakeOne() {
        use.apply(T1, named(T1, "acme"));

        Map<ConfigKey, @Nullable TenantConfig> moved = new TreeMap<>();
        moved.put(T1, null);
        moved.put(T2, named(T2, "acme"));
        assertThat(violated(moved)).isEmpty();
        assertThat(violated(Map.of(T1, named(T1, "x"), T2, named(T2, "acme")))).isEmpty();
        assertThat(violated(Map.of(T2, named(T2, "new"), T3, named(T3, "new")))).containsExactly(T3);
    }

    @Test
    void aConflictThatIsThereAlreadyDoesNotStopOtherChanges() {
        use.apply(T1, named(T1, "acme"));
        use.apply(T2, named(T2, "acme"));

        assertThat(violated(Map.of(T1, named(T1, "acme", "more")))).isEmpty();
        assertThat(violated(Map.of(T2, named(T2, "acme")))).isEmpty();
        assertThat(violated(Map.of(T3, named(T3, "acme")))).containsExactly(T3);
    }

    @Test
    void plansHaveNoNames() {
        use.apply(ConfigKey.ofPlan("pro"), TenantConfig.unlimited(TenantId.DEFAULT, ""));

        assertThat(violated(Map.of(T1, named(T1, "pro")))).isEmpty();
    }
}
