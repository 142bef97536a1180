package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.WriteOrder.Step;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.NameIndex;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WriteOrderTest {
    private static Step tenant(long id, @Nullable String before, @Nullable String after) {
        return new Step(ConfigKey.of(TenantId.of(id)), config(id, before), config(id, after));
    }

    /** @param names separated by blanks; null = no config */
    private static @Nullable TenantConfig config(long id, @Nullable String names) {
        return names == null
                ? null
                : TenantConfig.unlimited(TenantId.of(id), "").toBuilder()
                        .externalIds(names.isEmpty() ? List.of() : Arrays.asList(names.split(" ", -1)))
                        .build();
    }

    private static List<String> order(Step... steps) {
        return keys(List.of(steps)).stream().map(ConfigKey::text).toList();
    }

    private static List<ConfigKey> keys(List<Step> steps) {
        return WriteOrder.of(steps, Function.identity()).stream().map(Step::key).toList();
    }

    private static Step plan(String name, boolean exists, boolean remains) {
        TenantConfig fields = TenantConfig.unlimited(TenantId.DEFAULT, "");
        return new Step(ConfigKey.ofPlan(name), exists ? fields : null, remains ? fields : null);
    }

    @Test
    void plansComeBeforeTheTenantsAndAreRemovedAfterThem() {
        assertThat(order(plan("gone", true, false), tenant(1, "", ""), plan("new", false, true)))
                .containsExactly("plan:new", "1", "plan:gone");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aNameThatMovesIsGivenUpImmediatelyBeforeItIsTaken(boolean upwards) {
        long giver = upwards ? 1 : 9_999;
        long taker = 10_000 - giver;
        List<Step> steps = new ArrayList<>(List.of(tenant(taker, "", "acme"), tenant(giver, "acme x", "x")));
        IntStream.range(2, 9_999).forEach(id -> steps.add(tenant(id, "n" + id, "n" + id)));

        List<ConfigKey> order = keys(steps);

        assertThat(order).hasSize(steps.size());
        assertThat(order.indexOf(ConfigKey.of(TenantId.of(taker))))
                .isEqualTo(order.indexOf(ConfigKey.of(TenantId.of(giver))) + 1);
    }

    @Test
    void aRemovedTenantGivesItsNamesUp() {
        assertThat(order(tenant(1, null, "acme"), tenant(5, "acme", null), tenant(3, "", "")))
                .containsExactly("5", "1", "3");
    }

    @Test
    void aChainOfTenantsFollowsTheMovesOfTheNames() {
        assertThat(order(tenant(1, "a", "b"), tenant(2, "b", "c"), tenant(3, "c", "d"), tenant(4, "d", "")))
                .containsExactly("4", "3", "2", "1");
    }

    @Test
    void aChainCanBeAsLongAsATransaction() {
        int length = 20_000;
        List<Step> steps = IntStream.range(0, length)
                .mapToObj(id -> tenant(id, "n" + id, "n" + (id + 1)))
                .toList();

        assertThat(keys(steps).get(0)).isEqualTo(ConfigKey.of(TenantId.of(length - 1)));
    }

    @Test
    void tenantsThatSwapNamesFollowEachOther() {
        assertThat(order(tenant(1, "a", "b"), tenant(7, "b", "a"), tenant(3, "", "")))
                .containsExactlyInAnyOrder("1", "3", "7")
                .endsWith("3");
    }

    /** Applies random moves of names without circles one by one: no name ever has two tenants. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void atNoTimeHaveTwoTenantsOneName(long seed) {
        Random random = new Random(seed);
        int tenants = 60;
        Map<Long, List<String>> before = new HashMap<>();
        Map<Long, List<String>> after = new HashMap<>();
        for (long id = 0; id < tenants; id++) {
            before.put(id, new ArrayList<>());
            after.put(id, new ArrayList<>());
        }
        int[] rank = random.ints(tenants, 0, 1_000_000).toArray();
        for (int name = 0; name < 100; name++) {
            int from = random.nextInt(tenants);
            int to = random.nextInt(tenants);
            // Names move towards a higher rank only, so there is no circle.
            before.get((long) from).add("n" + name);
            after.get((long) (rank[to] > rank[from] ? to : from)).add("n" + name);
        }
        NameIndex index = new NameIndex();
        before.forEach(
                (id, names) -> assertThat(index.put(TenantId.of(id), names)).isEmpty());
        List<Step> steps = new ArrayList<>();
        before.forEach((id, names) -> steps.add(tenant(id, String.join(" ", names), String.join(" ", after.get(id)))));

        for (ConfigKey key : keys(steps)) {
            TenantId tenant = ((ConfigKey.OfTenant) key).tenant();
            assertThat(index.put(tenant, after.get(Long.parseLong(tenant.decimal()))))
                    .as("seed %d, tenant %s", seed, tenant)
                    .isEmpty();
        }
    }
}
