package io.tidegate.api;

import io.tidegate.http.Reply;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Caches expensive responses for half a second, because open dashboards request the same data at the same time. The data has a
 * version: a change invalidates cached responses at once, so a client sees its own writes. Thread-safe.
 *
 * @param <Q> a query, with {@code equals}
 */
final class RecentAnswers<Q> {
    static final Duration GOOD_FOR = Duration.ofMillis(500);

    /** The number of cached responses; one can be a megabyte. */
    static final int KEPT_MAX = 8;

    private record CachedReply(Reply reply, long version, long atNanos) {}

    private final Map<Q, CachedReply> made = new LinkedHashMap<>();

    synchronized @Nullable Reply get(Q question, long version, long nowNanos) {
        CachedReply known = made.get(question);
        return known != null && known.version == version && nowNanos - known.atNanos < GOOD_FOR.toNanos()
                ? known.reply
                : null;
    }

    /**
     * @param version the version of the data before the response was computed
     * @param atNanos when the computation began
     */
    synchronized void put(Q question, Reply reply, long version, long atNanos) {
        made.remove(question);
        made.put(question, new CachedReply(reply, version, atNanos));
        Iterator<Q> eldest = made.keySet().iterator();
        while (made.size() > KEPT_MAX) {
            eldest.next();
            eldest.remove();
        }
    }
}
