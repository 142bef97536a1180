package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.cli.RejectionCounts.Group;
import io.tidegate.tenant.TenantId;
import org.junit.jupiter.api.Test;

class RejectionCountsTest {
    private static final TenantId ONE = TenantId.of(1);
    private static final TenantId TWO = TenantId.of(2);

    @Test
    void countsByTenantAndReasonTheLargestFirst() {
        RejectionCounts counts = new RejectionCounts();
        counts.add(ONE, "rate_limited", 500);
        counts.add(TWO, "rate_limited", 300);
        counts.add(TWO, "rate_limited", 100);
        counts.add(TWO, "rate_limited", 200);
        counts.add(ONE, "entity_limit", 400);
        counts.add(null, "malformed", 600);

        assertThat(counts.mostFirst())
                .containsExactly(
                        new Group(TWO, "rate_limited", 3, 100, 300),
                        new Group(ONE, "entity_limit", 1, 400, 400),
                        new Group(ONE, "rate_limited", 1, 500, 500),
                        new Group(null, "malformed", 1, 600, 600));
    }

    @Test
    void theNumberOfGroupsIsBounded() {
        RejectionCounts counts = new RejectionCounts(2);
        for (int tenant = 1; tenant <= 10; tenant++) {
            counts.add(TenantId.of(tenant), "tenant_unknown", tenant);
        }
        counts.add(ONE, "tenant_unknown", 99);

        assertThat(counts.mostFirst())
                .containsExactly(
                        new Group(null, RejectionCounts.OTHERS, 8, 3, 10),
                        new Group(ONE, "tenant_unknown", 2, 1, 99),
                        new Group(TWO, "tenant_unknown", 1, 2, 2));
    }

    @Test
    void recordsThatTidegateDidNotWriteAreCountedTogether() {
        RejectionCounts counts = new RejectionCounts();
        counts.add(ONE, null, 1);
        counts.add(ONE, "x".repeat(101), 2);

        assertThat(counts.mostFirst()).containsExactly(new Group(ONE, RejectionCounts.OTHERS, 2, 1, 2));
    }
}
