package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Signals of several partitions in the order of their times. */
final class TimeOrderedMergeTest {
    private final List<String> read = new ArrayList<>();

    private record Timed(long timeMs, String name) {}

    /** A sequence that comes in the given parts. */
    private TimeOrderedMerge.Parts<Timed> parts(String name, long[]... parts) {
        Queue<long[]> left = new ArrayDeque<>(List.of(parts));
        return into -> {
            long[] part = left.poll();
            if (part == null) {
                return false;
            }
            read.add(name);
            LongStream.of(part).forEach(timeMs -> into.add(new Timed(timeMs, name)));
            return true;
        };
    }

    private static long[] times(long... timesMs) {
        return timesMs;
    }

    private List<String> merged(List<TimeOrderedMerge.Parts<Timed>> sequences) {
        TimeOrderedMerge<Timed> merged = new TimeOrderedMerge<>(sequences, Timed::timeMs);
        List<String> all = new ArrayList<>();
        for (Timed one = merged.next(); one != null; one = merged.next()) {
            all.add(one.name() + one.timeMs());
        }
        return all;
    }

    @Test
    void elementsComeInTheOrderOfTheirTimes() {
        assertThat(merged(List.of(parts("a", times(1, 4), times(6)), parts("b", times(2, 3), times(5)))))
                .containsExactly("a1", "b2", "b3", "a4", "b5", "a6");
    }

    @Test
    void aSequenceKeepsItsOwnOrderAndTheFirstComesFirstAtTheSameTime() {
        assertThat(merged(List.of(parts("a", times(5, 2)), parts("b", times(5, 6)))))
                .containsExactly("a5", "a2", "b5", "b6");
    }

    @Test
    void partsWithoutAnElementAreNoEnd() {
        assertThat(merged(List.of(parts("a", times(), times(), times(3)), parts("b"), parts("c", times(1)))))
                .containsExactly("c1", "a3");
    }

    @Test
    void nothingIsReadBeforeItIsNeeded() {
        TimeOrderedMerge<Timed> merged = new TimeOrderedMerge<>(
                List.of(parts("a", times(1, 2), times(9)), parts("b", times(5), times(7))), Timed::timeMs);

        merged.next();
        merged.next();

        assertThat(read).containsExactly("a", "b");
    }
}
