package io.tidegate.admission;

import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** A model of {@code entity_idle_ttl} with whole ids, one time for each entity and unbounded work. */
final class EntityModel {
    private final TreeMap<String, Long> lastNamed = new TreeMap<>();
    private final TreeSet<Long> boundaries = new TreeSet<>();
    private long ttlMs;
    private long clockMs;
    private long horizonMs;
    private long onSinceMs;

    void adopt(long newTtlMs, long nowMs) {
        if (ttlMs == 0 && newTtlMs != 0) {
            ttlMs = newTtlMs;
            clockMs = Math.max(clockMs, nowMs);
            onSinceMs = endOf(clockMs);
            if (boundaries.isEmpty()) {
                boundaries.add(0L);
            }
        }
        ttlMs = newTtlMs;
    }

    /** The entities that count for a signal of that time. */
    Set<String> counting(long nowMs) {
        long horizon = horizonAt(nowMs);
        return lastNamed.entrySet().stream()
                .filter(entity -> Math.max(entity.getValue(), onSinceMs) > horizon)
                .map(java.util.Map.Entry::getKey)
                .collect(Collectors.toSet());
    }

    /** The entities that counted for the last accepted signal. */
    Set<String> counting() {
        lastNamed.values().removeIf(end -> !boundaries.isEmpty() && Math.max(end, onSinceMs) <= horizonMs);
        return lastNamed.keySet();
    }

    private long horizonAt(long nowMs) {
        return ttlMs == 0
                ? boundaries.isEmpty() ? Long.MIN_VALUE : horizonMs
                : Math.max(horizonMs, Math.max(clockMs, nowMs) - ttlMs);
    }

    void accept(Set<String> named, long nowMs) {
        if (boundaries.isEmpty()) {
            named.forEach(id -> lastNamed.put(id, 0L));
            return;
        }
        if (ttlMs != 0) {
            clockMs = Math.max(clockMs, nowMs);
            horizonMs = horizonAt(clockMs);
            long newest = Math.max(Math.max(horizonMs, onSinceMs - 1), boundaries.last());
            for (long end = endOf(newest); end <= endOf(clockMs); end += granule()) {
                boundaries.add(end);
            }
        }
        counting();
        boundaries.removeIf(end -> Math.max(end, onSinceMs) <= horizonMs);
        if (boundaries.isEmpty()) {
            boundaries.add(horizonMs + 1);
        }
        Long own = ttlMs == 0 ? null : boundaries.ceiling(endOf(nowMs));
        long end = own == null ? boundaries.last() : own;
        for (String id : named) {
            if (ttlMs == 0) {
                lastNamed.putIfAbsent(id, end);
            } else {
                lastNamed.merge(id, end, Math::max);
            }
        }
    }

    long granule() {
        return Long.highestOneBit(Math.max(1, ttlMs / 16));
    }

    private long endOf(long atMs) {
        return Math.floorDiv(atMs, granule()) * granule() + granule();
    }
}
