package io.tidegate.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StartedPartsTest {
    private final List<String> closed = new ArrayList<>();
    private final StartedParts parts = new StartedParts();

    private AutoCloseable part(String name) {
        return () -> closed.add(name);
    }

    private AutoCloseable failing(String name) {
        return () -> {
            closed.add(name);
            throw new IOException(name);
        };
    }

    @Test
    void closesInReverseOrder() {
        parts.add(part("lock"));
        parts.add(part("instance"));

        parts.close();
        parts.close();

        assertThat(closed).containsExactly("instance", "lock");
    }

    @Test
    void closesAllPartsOfAStartThatFailsAndKeepsTheCause() {
        parts.add(part("lock"));
        parts.add(failing("metrics"));
        parts.add(failing("instance"));
        RuntimeException cause = new IllegalStateException("attach");

        parts.closeAfter(cause);

        assertThat(closed).containsExactly("instance", "metrics", "lock");
        assertThat(cause.getSuppressed()).extracting(Throwable::getMessage).containsExactly("instance", "metrics");
    }

    @Test
    void reportsAPartThatCannotBeClosedAfterAllOthersAreClosed() {
        parts.add(part("lock"));
        parts.add(failing("http"));

        assertThatThrownBy(parts::close)
                .isInstanceOf(IllegalStateException.class)
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(closed).containsExactly("http", "lock");
    }

    @Test
    void closesAPartBeforeThoseThatWereStartedLater() {
        AutoCloseable http = parts.add(part("http"));
        parts.add(part("instance"));

        parts.closeFirst(http);
        parts.close();

        assertThat(closed).containsExactly("http", "instance");
    }
}
