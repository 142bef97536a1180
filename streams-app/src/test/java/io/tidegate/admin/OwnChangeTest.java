package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.ConfigEdit.Before;
import io.tidegate.admin.ConfigEdit.Kind;
import io.tidegate.admin.ConfigEdit.Reject;
import io.tidegate.admin.ConfigEdit.Remove;
import io.tidegate.admin.ConfigEdit.Result;
import io.tidegate.admin.ConfigEdit.Write;
import io.tidegate.tenant.Ceiling;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.math.BigInteger;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The checks of a writer on a change that a tenant makes itself. */
class OwnChangeTest {
    private static final TenantId T42 = TenantId.of(42);
    private static final TenantConfig OWN =
            TenantConfig.unlimited(T42, "").toBuilder().plan("pro").build();
    private static final TenantConfig NEW =
            OWN.toBuilder().maxItems(BigInteger.valueOf(20)).build();

    private static Before before(@Nullable TenantConfig own, long ceiling) {
        TenantConfig limits = TenantConfig.unlimited(TenantId.DEFAULT, "").toBuilder()
                .maxItems(BigInteger.valueOf(ceiling))
                .build();
        TenantConfig plan = TenantConfig.unlimited(TenantId.DEFAULT, "").toBuilder()
                .ceiling(new Ceiling(limits))
                .build();
        return new Before(
                ConfigKey.of(T42),
                own == null ? ConfigWriter.Current.NONE : new ConfigWriter.Current(own, 5, true, ConfigHistory.NONE),
                ConfigWriter.Current.NONE,
                false,
                Map.of("pro", plan),
                0);
    }

    /** An edit is called again after another writer's change, so the plan that counts is the one read with the new config. */
    @Test
    void theCeilingThatIsStoredWhenTheChangeIsWrittenCounts() {
        Result write = new Write(NEW);
        assertThat(TenantOperations.ownChange(before(OWN, 20), write)).isSameAs(write);
        Result rejected = TenantOperations.ownChange(before(OWN, 19), write);
        assertThat(rejected).isInstanceOfSatisfying(Reject.class, reject -> {
            assertThat(reject.rejection().kind()).isEqualTo(Kind.BEYOND_CEILING);
            assertThat(reject.rejection().field()).isEqualTo("max_items");
            assertThat(reject.rejection().message()).isEqualTo("max_items: 20 is above the ceiling of plan 'pro', 19");
        });
    }

    @Test
    void aTenantCannotRemoveItsConfigNorCreateOne() {
        assertThat(kind(TenantOperations.ownChange(before(OWN, 20), new Remove())))
                .isEqualTo(Kind.FIELD_NOT_ALLOWED);
        assertThat(kind(TenantOperations.ownChange(before(null, 20), new Write(NEW))))
                .isEqualTo(Kind.TENANT_UNKNOWN);
    }

    @Test
    void aFieldThatIsNotTheTenantsIsNamed() {
        Result result = TenantOperations.ownChange(
                before(OWN, 20), new Write(OWN.toBuilder().plan("max").build()));
        assertThat(kind(result)).isEqualTo(Kind.FIELD_NOT_ALLOWED);
        assertThat(((Reject) result).rejection().field()).isEqualTo("plan");
    }

    /** A plan's history includes its ceiling. */
    @Test
    void theChangeOfAPlanIsUndone() {
        TenantConfig earlier = before(OWN, 19).plans().get("pro");
        ConfigHistory history = ConfigHistory.NONE.with(new ConfigHistory.Change(
                java.time.Instant.EPOCH, "ops", earlier, before(OWN, 20).plans().get("pro"), 7));
        org.apache.kafka.common.header.internals.RecordHeaders headers =
                new org.apache.kafka.common.header.internals.RecordHeaders();
        history.addTo(headers);
        Before before = new Before(
                ConfigKey.ofPlan("pro"),
                new ConfigWriter.Current(null, 7, true, ConfigHistory.in(headers, 7)),
                ConfigWriter.Current.NONE,
                false,
                Map.of(),
                0);
        assertThat(PlanOperations.undone("pro", before, null)).isEqualTo(new Write(earlier));
        assertThat(kind(PlanOperations.undone("pro", before, 5L))).isEqualTo(Kind.NO_HISTORY);
    }

    private static Kind kind(Result result) {
        return ((Reject) result).rejection().kind();
    }
}
