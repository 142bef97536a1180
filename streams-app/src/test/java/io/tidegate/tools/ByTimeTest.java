package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;

/** Signals of several partitions in the order of their times. */
final class ByTimeTest {
    private final List<String> read = new ArrayList<>();

    private record Timed(long timeMs, String name) {}

    /** A sequence that comes in the given parts. */
    @SafeVarargs
    private ByTime.Parts<Timed> parts(String name, List<Long>... parts) {
        Queue<List<Long>> left = new ArrayDeque<>(List.of(parts));
        return into -> {
            List<Long> part = left.poll();
            if (part == null) {
                return false;
            }
            read.add(name);
            part.forEach(timeMs -> into.add(new Timed(timeMs, name)));
            return true;
        };
    }

    private List<String> merged(List<ByTime.Parts<Timed>> sequences) {
        ByTime<Timed> merged = new ByTime<>(sequences, Timed::timeMs);
        List<String> all = new ArrayList<>();
        for (Timed one = merged.next(); one != null; one = merged.next()) {
            all.add(one.name() + one.timeMs());
        }
        return all;
    }

    @Test
    void elementsComeInTheOrderOfTheirTimes() {
        assertThat(merged(List.of(parts("a", List.of(1L, 4L), List.of(6L)), parts("b", List.of(2L, 3L), List.of(5L)))))
                .containsExactly("a1", "b2", "b3", "a4", "b5", "a6");
    }

    @Test
    void aSequenceKeepsItsOwnOrderAndTheFirstComesFirstAtTheSameTime() {
        assertThat(merged(List.of(parts("a", List.of(5L, 2L)), parts("b", List.of(5L, 6L)))))
                .containsExactly("a5", "a2", "b5", "b6");
    }

    @Test
    void partsWithoutAnElementAreNoEnd() {
        assertThat(merged(List.of(parts("a", List.of(), List.of(), List.of(3L)), parts("b"), parts("c", List.of(1L)))))
                .containsExactly("c1", "a3");
    }

    @Test
    void nothingIsReadBeforeItIsNeeded() {
        ByTime<Timed> merged = new ByTime<>(
                List.of(parts("a", List.of(1L, 2L), List.of(9L)), parts("b", List.of(5L), List.of(7L))), Timed::timeMs);

        merged.next();
        merged.next();

        assertThat(read).containsExactly("a", "b");
    }
}
