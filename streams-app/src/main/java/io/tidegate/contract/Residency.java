package io.tidegate.contract;

import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether a tenant's signals may be written in this region, and where they are forwarded to if not.
 *
 * <p>A signal visits each region at most once: it carries the regions that forwarded it. So two deployments that
 * disagree, or a circular map, end in a rejection and not in a loop. Immutable.
 */
public final class Residency {
    /** Knows no region except this one. */
    public static final Residency NONE = new Residency(null, Map.of());

    /** The maximum length of a list of visited regions; Tidegate did not write a longer one. */
    private static final int VISITED_CHARS_MAX = 4096;

    private final @Nullable String region;
    private final Map<String, String> topics;

    /**
     * @param region the region of this instance; null if it is not set
     * @param topics the ingress topic of each region
     */
    public Residency(@Nullable String region, Map<String, String> topics) {
        this.region = region;
        this.topics = new TreeMap<>(topics);
        if (region != null) {
            this.topics.remove(region);
        }
    }

    /** The ingress topics of the other regions, by region. */
    public Map<String, String> topics() {
        return topics;
    }

    /**
     * Returns the region to which a signal must be forwarded. If several are possible, all instances choose the same
     * one.
     *
     * @return null if the signal may stay, or no region is reachable
     */
    public @Nullable String target(TenantConfig config, Headers headers) {
        if (!isElsewhere(config, region)) {
            return null;
        }
        List<String> reachable = new ArrayList<>(topics.keySet());
        reachable.retainAll(config.requiredRegions());
        String visited = TidegateHeaders.text(headers, TidegateHeaders.FORWARDED_BY);
        if (visited != null) {
            if (visited.length() > VISITED_CHARS_MAX) {
                return null;
            }
            reachable.removeAll(List.of(visited.split(",", -1)));
        }
        return reachable.isEmpty() ? null : reachable.get(chosen(config.tenantId(), reachable.size()));
    }

    /** Returns whether a tenant's signals must be written in other regions than this one; null is no region. */
    public static boolean isElsewhere(TenantConfig config, @Nullable String region) {
        List<String> required = config.requiredRegions();
        return region != null && !required.isEmpty() && !required.contains(region);
    }

    private static int chosen(TenantId tenant, int of) {
        // Spread over all bits: otherwise all even ids would be in one region, and all odd ones in another.
        return (int) (((tenant.bits() * 0x9E3779B97F4A7C15L) >>> Integer.SIZE) % of);
    }

    /** Marks a forwarded signal with this region and its position here. */
    public void mark(Headers headers, SourcePosition source) {
        String visited = TidegateHeaders.text(headers, TidegateHeaders.FORWARDED_BY);
        String here = String.valueOf(region);
        TidegateHeaders.set(headers, TidegateHeaders.FORWARDED_BY, visited == null ? here : visited + "," + here);
        TidegateHeaders.set(
                headers, TidegateHeaders.FORWARDED_FROM, source.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns the position of a forwarded signal in the ingress of the previous region; null if it was not forwarded.
     */
    public static @Nullable SourcePosition forwardedFrom(Headers headers) {
        return SourcePosition.tryParse(TidegateHeaders.text(headers, TidegateHeaders.FORWARDED_FROM));
    }
}
