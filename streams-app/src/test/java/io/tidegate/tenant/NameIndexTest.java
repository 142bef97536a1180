package io.tidegate.tenant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class NameIndexTest {
    private static final TenantId T1 = TenantId.of(1);
    private static final TenantId T2 = TenantId.of(2);
    private static final TenantId LARGEST = TenantId.of(-1);

    private final NameIndex names = new NameIndex();

    @Test
    void aNameRefersToTheTenantWhoseConfigHasIt() {
        assertThat(names.put(T1, List.of("acme", "org_1"))).isEmpty();

        assertThat(names.named("acme")).isEqualTo(T1);
        assertThat(names.named("org_1")).isEqualTo(T1);
        assertThat(names.named("Acme")).isNull();

        names.put(T1, List.of("org_1"));
        assertThat(names.named("acme")).isNull();
        names.put(T1, List.of());
        assertThat(names.named("org_1")).isNull();
    }

    @Test
    void aNameThatTwoTenantsClaimRefersToNoneUntilOneGivesItUp() {
        names.put(LARGEST, List.of("acme"));
        assertThat(names.put(T1, List.of("acme"))).containsExactly("acme");

        assertThat(names.named("acme")).isNull();
        assertThat(names.claimants("acme")).containsExactly(T1, LARGEST);
        assertThat(names.conflicts()).containsOnlyKeys("acme");
        assertThat(names.conflictCount()).isOne();

        names.put(LARGEST, List.of());
        assertThat(names.named("acme")).isEqualTo(T1);
        assertThat(names.conflictCount()).isZero();
    }

    @Test
    void theOrderOfTheWritesDoesNotMatter() {
        Map<TenantId, List<String>> last = Map.of(
                T1,
                List.of("a", "b"),
                T2,
                List.of("b", "c"),
                LARGEST,
                List.of("c", "d"),
                TenantId.DEFAULT,
                List.of("e"));
        Random random = new Random(17);
        for (int round = 0; round < 200; round++) {
            NameIndex index = new NameIndex();
            for (int i = 0; i < 20; i++) {
                // Earlier configs, which compaction may have removed.
                TenantId any = new ArrayList<>(last.keySet()).get(random.nextInt(last.size()));
                index.put(any, List.of("abcde".substring(random.nextInt(5)).substring(0, 1)));
            }
            List<TenantId> order = new ArrayList<>(last.keySet());
            Collections.shuffle(order, random);
            order.forEach(tenant -> index.put(tenant, last.get(tenant)));

            Map<String, TenantId> found = new HashMap<>();
            for (String name : List.of("a", "b", "c", "d", "e")) {
                found.put(name, index.named(name));
            }
            assertThat(found).containsEntry("a", T1).containsEntry("d", LARGEST).containsEntry("e", TenantId.DEFAULT);
            assertThat(found.get("b")).isNull();
            assertThat(found.get("c")).isNull();
            assertThat(index.conflictCount()).isEqualTo(2);
        }
    }
}
