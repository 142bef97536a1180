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
 * Where a tenant's signals may be written, and where they are sent on to if that is not here.
 *
 * <p>A signal visits each region at most once: it carries the regions that sent it on, so that two deployments that
 * disagree, or a map that leads in a circle, end in a rejection and not in a loop. Immutable.
 */
public final class Residency {
    /** No region is known but this one. */
    public static final Residency NONE = new Residency(null, Map.of());

    /** A longer list of visited regions was not written by Tidegate. */
    private static final int VISITED_CHARS_MAX = 4096;

    private final @Nullable String region;
    private final Map<String, String> topics;

    /**
     * @param region where this instance writes; null where that is not set
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
     * The region to which a signal is to be sent on. Where the tenant may be in several of them it is always the same
     * one, whichever instance chooses.
     *
     * @return null where the signal may stay, or can go nowhere
     */
    public @Nullable String target(TenantConfig config, Headers headers) {
        List<String> required = config.requiredRegions();
        if (required.isEmpty() || region == null || required.contains(region)) {
            return null;
        }
        List<String> reachable = new ArrayList<>(topics.keySet());
        reachable.retainAll(required);
        String visited = TidegateHeaders.text(headers, TidegateHeaders.FORWARDED_BY);
        if (visited != null) {
            if (visited.length() > VISITED_CHARS_MAX) {
                return null;
            }
            reachable.removeAll(List.of(visited.split(",", -1)));
        }
        return reachable.isEmpty() ? null : reachable.get(chosen(config.tenantId(), reachable.size()));
    }

    private static int chosen(TenantId tenant, int of) {
        // Spread over all bits: ids that count up would all be even or odd in a region.
        return (int) (((tenant.bits() * 0x9E3779B97F4A7C15L) >>> Integer.SIZE) % of);
    }

    /** Marks a signal that is sent on: by whom, and from which position. */
    public void mark(Headers headers, SourcePosition source) {
        String visited = TidegateHeaders.text(headers, TidegateHeaders.FORWARDED_BY);
        String here = String.valueOf(region);
        TidegateHeaders.set(headers, TidegateHeaders.FORWARDED_BY, visited == null ? here : visited + "," + here);
        TidegateHeaders.set(
                headers, TidegateHeaders.FORWARDED_FROM, source.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** The position, in the ingress of the region before, of a signal that was sent on; null where it was not. */
    public static @Nullable SourcePosition forwardedFrom(Headers headers) {
        return SourcePosition.tryParse(TidegateHeaders.text(headers, TidegateHeaders.FORWARDED_FROM));
    }
}
