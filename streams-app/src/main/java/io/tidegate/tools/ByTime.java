package io.tidegate.tools;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Merges several sequences by time, each in its own order, reading on only in the one that is needed next. In memory is what
 * one read of each sequence yields. Not thread-safe.
 */
final class ByTime<T> {
    /** A sequence that is read in parts. */
    @FunctionalInterface
    interface Parts<T> {
        /**
         * Reads on.
         *
         * @param into receives the next elements
         * @return false if there are no more behind them
         */
        boolean read(Deque<T> into);
    }

    private static final class Sequence<T> {
        private final Parts<T> parts;
        private final Deque<T> ready = new ArrayDeque<>();
        private boolean goesOn = true;

        Sequence(Parts<T> parts) {
            this.parts = parts;
        }

        @Nullable
        T head() {
            while (ready.isEmpty() && goesOn) {
                goesOn = parts.read(ready);
            }
            return ready.peek();
        }
    }

    private final List<Sequence<T>> sequences;
    private final ToLongFunction<T> timeMs;

    ByTime(List<Parts<T>> sequences, ToLongFunction<T> timeMs) {
        this.sequences = sequences.stream().map(parts -> new Sequence<T>(parts)).toList();
        this.timeMs = timeMs;
    }

    /** The oldest of the elements that are next in their sequences, of the first of these if there are several; null at the end. */
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
