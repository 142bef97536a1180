package io.tidegate.streams;

import java.time.Duration;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The failed stream threads that have not ended yet.
 *
 * <p>A failed thread gives its tasks back when it ends. First, it asks the thread that restores its tasks to release them, and
 * waits up to five minutes for each of them. If that thread has died, which an unexpected failure during a restoration next to
 * standby tasks causes, the answers never come, and meanwhile no instance owns the tasks. Thread-safe; the time is passed in.
 */
final class EndingThreads {
    /** How long a thread may wait for a dead one. */
    static final Duration ENDS_WITHIN = Duration.ofSeconds(10);

    private final Map<Thread, Long> failed = new ConcurrentHashMap<>();
    private final Predicate<Thread> waitsForDead;

    EndingThreads() {
        this(KafkaInternals::waitsForDeadStateUpdater);
    }

    /** @param waitsForDead whether a thread waits for a dead one */
    EndingThreads(Predicate<Thread> waitsForDead) {
        this.waitsForDead = waitsForDead;
    }

    /** Notes that a thread will end and be replaced. */
    void failed(Thread thread, long nowNanos) {
        failed.put(thread, nowNanos);
    }

    /** Returns a failed thread that waits for a dead one; null if there is none. */
    @Nullable
    Thread stuck(long nowNanos) {
        for (Iterator<Map.Entry<Thread, Long>> all = failed.entrySet().iterator(); all.hasNext(); ) {
            Map.Entry<Thread, Long> one = all.next();
            if (!one.getKey().isAlive()) {
                all.remove();
            } else if (nowNanos - one.getValue() >= ENDS_WITHIN.toNanos() && waitsForDead.test(one.getKey())) {
                return one.getKey();
            }
        }
        return null;
    }
}
