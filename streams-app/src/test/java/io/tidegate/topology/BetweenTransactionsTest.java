package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Work that waits for the disk runs while no transaction is open, and is not forgotten. */
class BetweenTransactionsTest {
    private final List<String> runs = new ArrayList<>();
    private boolean open;
    private final BetweenTransactions work =
            new BetweenTransactions(new Pace(() -> 1), () -> runs.add("run"), () -> open);

    @Test
    void runsAtOnceWithoutATransaction() {
        work.run(1_000);
        assertThat(runs).hasSize(1);
        work.committed(1_001);
        assertThat(runs).hasSize(1);
    }

    @Test
    void waitsForTheCommitOfAnOpenTransactionAndThenRunsOnce() {
        open = true;
        work.run(1_000);
        work.run(2_000);
        assertThat(runs).isEmpty();
        open = false;
        work.committed(2_100);
        work.committed(2_200);
        assertThat(runs).hasSize(1);
    }

    @Test
    void workThatRunsMeanwhileIsNotRepeatedAfterTheCommit() {
        open = true;
        work.run(1_000);
        open = false;
        work.run(2_000);
        work.committed(2_100);
        assertThat(runs).hasSize(1);
    }

    @Test
    void isNotRunForATransactionThatIsNotCommitted() {
        open = true;
        work.run(1_000);
        work.discard();
        open = false;
        work.committed(1_100);
        assertThat(runs).isEmpty();
    }
}
