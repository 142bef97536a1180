package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantConfig;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Checks that, despite faults, the order in which partitions are read rejects nothing: a plain token bucket reads all signals of
 * each tenant with a rate and no other limit, sorted by time.
 *
 * <p>If all pass there, none may have been rejected. Otherwise at least 99 % of the number that passes there must have been
 * accepted, or 90 % if the burst is below 10. Not thread-safe.
 */
final class ReadOrder {
    private static final long TOKEN = 1_000;
    private static final int SMALL_BURST = 10;

    private final Map<String, List<Decision>> signals = new HashMap<>();

    private record Decision(long timestampMs, String reason) {}

    /** @param reason of the rejection; "" for an accepted signal */
    void outcome(String tenant, long timestampMs, String reason) {
        signals.computeIfAbsent(tenant, id -> new ArrayList<>()).add(new Decision(timestampMs, reason));
    }

    /** Checks; returns the tenants that stayed below their rates, each with the number of its signals. */
    List<String> check(Map<String, TenantConfig> configs) {
        List<String> below = new ArrayList<>();
        new TreeMap<>(signals).forEach((tenant, judged) -> {
            TenantConfig config = configs.get(tenant);
            if (config == null || !hasOnlyARate(config)) {
                return;
            }
            long inOrder = passInOrder(config.maxSignalsPerSec(), config.burst(), judged);
            List<Decision> rejected =
                    judged.stream().filter(one -> !one.reason().isEmpty()).toList();
            if (inOrder == judged.size()) {
                assertThat(rejected)
                        .as("rejected of tenant %s, whose %d signals stay below its rate", tenant, judged.size())
                        .isEmpty();
                below.add("%s (%d)".formatted(tenant, judged.size()));
            } else {
                long percent = config.burst() < SMALL_BURST ? 90 : 99;
                // A few may differ: the tokens of a new bucket depend on its first signal.
                assertThat(judged.size() - rejected.size() + 2L)
                        .as("accepted of tenant %s, and %d in the order of time", tenant, inOrder)
                        .isGreaterThanOrEqualTo(inOrder * percent / 100);
            }
        });
        return below;
    }

    private static boolean hasOnlyARate(TenantConfig config) {
        return config.maxSignalsPerSec() != null
                && config.maxSignalsPerSec() > 0
                && !config.limitsEntities()
                && config.maxStorageBytes() == null
                && config.blockedUntil() == null
                && config.mode() == TenantConfig.Mode.ENFORCE;
    }

    private static long passInOrder(long rate, long burst, List<Decision> judged) {
        List<Decision> sorted = new ArrayList<>(judged);
        sorted.sort(Comparator.comparingLong(Decision::timestampMs));
        long level = Math.min(rate, burst) * TOKEN;
        long beforeMs = sorted.get(0).timestampMs();
        long passed = 0;
        for (Decision one : sorted) {
            level = Math.min(burst * TOKEN, level + rate * (one.timestampMs() - beforeMs));
            beforeMs = one.timestampMs();
            if (level >= TOKEN) {
                level -= TOKEN;
                passed++;
            }
        }
        return passed;
    }
}
