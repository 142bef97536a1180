package io.tidegate.tools;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Merges several sequences by time. Each keeps its own order, and only the sequence that is needed next is read further. Holds
 * one batch of each sequence in memory. Not thread-safe.
 */
final class TimeOrderedMerge<T> {
    /** A sequence that is read in batches. */
    @FunctionalInterface
    interface Parts<T> {
        /**
         * Reads the next batch.
         *
         * @param into receives the elements
         * @return false if the sequence has no more elements after them
         */
        boolean read(Deque<T> into);
    }

    private static final class Sequence<T> {
        private final Parts<T> parts;
        private final Deque<T> ready = new ArrayDeque<>();
        private boolean hasMore = true;

        Sequence(Parts<T> parts) {
            this.parts = parts;
        }

        @Nullable
        T head() {
            while (ready.isEmpty() && hasMore) {
                hasMore = parts.read(ready);
            }
            return ready.peek();
        }
    }

    private final List<Sequence<T>> sequences;
    private final ToLongFunction<T> timeMs;

    TimeOrderedMerge(List<Parts<T>> sequences, ToLongFunction<T> timeMs) {
        this.sequences = sequences.stream().map(parts -> new Sequence<T>(parts)).toList();
        this.timeMs = timeMs;
    }

    /** Returns the oldest head of all sequences, the first of several equally old ones; null at the end. */
    @Nullable
    T next() {
        Sequence<T> oldest = null;
        long oldestMs = 0;
        for (Sequence<T> sequence : sequences) {
            T head = sequence.head();
            if (head != null && (oldest == null || timeMs.applyAsLong(head) < oldestMs)) {
                oldest = sequence;
                oldestMs = timeMs.applyAsLong(head);
            }
        }
        return oldest == null ? null : oldest.ready.remove();
    }
}
