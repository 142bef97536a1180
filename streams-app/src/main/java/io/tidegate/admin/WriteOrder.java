package io.tidegate.admin;

import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.TenantConfig;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The order of the records of one transaction. Instances apply records one by one while they decide, so at no time may a
 * tenant be on a plan that does not exist yet or any more, or two tenants have one name; and a name that moves from one tenant to
 * another belongs to nobody for as short a time as possible:
 *
 * <ol>
 *   <li>new and changed plans;
 *   <li>tenants. Those between which names move follow each other without a gap, a tenant that gives a name up before the one that
 *       takes it. In a circle, such as two tenants that swap their names, the first one takes its name too early;
 *   <li>removed plans.
 * </ol>
 */
final class WriteOrder {
    /**
     * The change of one entry.
     *
     * @param from null if there is none, or it is unreadable
     * @param to null removes it
     */
    record Step(
            ConfigKey key,
            @Nullable TenantConfig from,
            @Nullable TenantConfig to) {
        private Set<String> gives() {
            return without(from, to);
        }

        private Set<String> takes() {
            return without(to, from);
        }

        private static Set<String> without(@Nullable TenantConfig some, @Nullable TenantConfig others) {
            Set<String> names = new TreeSet<>(some == null ? List.of() : some.externalIds());
            if (others != null) {
                others.externalIds().forEach(names::remove);
            }
            return names;
        }
    }

    private final Map<ConfigKey, Step> tenants = new TreeMap<>();
    private final Map<String, ConfigKey> giverOf = new HashMap<>();
    private final Map<String, ConfigKey> takerOf = new HashMap<>();
    private final Set<ConfigKey> ordered = new LinkedHashSet<>();

    private WriteOrder() {}

    /** Returns the changes in the order in which to write them. */
    static <T> List<T> of(Collection<T> changes, Function<T, Step> stepOf) {
        WriteOrder order = new WriteOrder();
        Map<ConfigKey, T> tenants = new HashMap<>();
        List<T> all = new ArrayList<>();
        List<T> removedPlans = new ArrayList<>();
        for (T change : changes) {
            Step step = stepOf.apply(change);
            if (step.key() instanceof ConfigKey.OfPlan) {
                (step.to() == null ? removedPlans : all).add(change);
            } else {
                tenants.put(step.key(), change);
                order.add(step);
            }
        }
        for (ConfigKey key : order.tenants()) {
            all.add(Objects.requireNonNull(tenants.get(key)));
        }
        all.addAll(removedPlans);
        return all;
    }

    private void add(Step step) {
        tenants.put(step.key(), step);
        step.gives().forEach(name -> giverOf.put(name, step.key()));
        step.takes().forEach(name -> takerOf.put(name, step.key()));
    }

    private Set<ConfigKey> tenants() {
        for (ConfigKey key : tenants.keySet()) {
            if (!ordered.contains(key)) {
                connected(key).forEach(this::addAfterGivers);
            }
        }
        return ordered;
    }

    /** Returns the tenants between which names move, directly or through others. */
    private Set<ConfigKey> connected(ConfigKey first) {
        Set<ConfigKey> found = new TreeSet<>(Set.of(first));
        Deque<ConfigKey> open = new ArrayDeque<>(found);
        while (!open.isEmpty()) {
            Step step = step(open.remove());
            step.gives().stream().map(takerOf::get).forEach(other -> addNew(other, found, open));
            step.takes().stream().map(giverOf::get).forEach(other -> addNew(other, found, open));
        }
        return found;
    }

    private static void addNew(@Nullable ConfigKey key, Set<ConfigKey> found, Deque<ConfigKey> open) {
        if (key != null && found.add(key)) {
            open.add(key);
        }
    }

    /** Not recursive: a chain can have as many tenants as the transaction. */
    private void addAfterGivers(ConfigKey last) {
        Set<ConfigKey> begun = new HashSet<>();
        Deque<ConfigKey> waiting = new ArrayDeque<>();
        waiting.push(last);
        while (!waiting.isEmpty()) {
            ConfigKey key = waiting.element();
            begun.add(key);
            ConfigKey giver = null;
            for (String name : step(key).takes()) {
                ConfigKey other = giverOf.get(name);
                if (other != null && !ordered.contains(other) && !begun.contains(other)) {
                    giver = other;
                    break;
                }
            }
            if (giver != null) {
                waiting.push(giver);
            } else {
                ordered.add(waiting.pop());
            }
        }
    }

    private Step step(ConfigKey key) {
        return Objects.requireNonNull(tenants.get(key));
    }
}
