package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class OwnerlessTest {
    private static final TopicPartition A = new TopicPartition("signals-by-tenant", 0);
    private static final TopicPartition B = new TopicPartition("signals-by-tenant", 1);
    private static final List<TopicPartition> NEEDED = List.of(A, B);
    private static final long GRACE = Ownerless.GRACE.toNanos();

    private final Ownerless ownerless = new Ownerless();

    @Test
    void untilEachPartitionHasHadAnOwnerNoneIsForgiven() {
        assertThat(ownerless.look(NEEDED, Set.of(), 0)).containsExactlyInAnyOrder(A, B);
        assertThat(ownerless.look(NEEDED, Set.of(A), 1)).containsExactly(B);
        assertThat(ownerless.look(NEEDED, Set.of(A, B), 2)).isEmpty();
    }

    @Test
    void aRebalanceLeavesAPartitionWithoutAnOwnerForAMoment() {
        assertThat(ownerless.look(NEEDED, Set.of(A, B), 0)).isEmpty();

        assertThat(ownerless.look(NEEDED, Set.of(A), 1)).isEmpty();
        assertThat(ownerless.look(NEEDED, Set.of(A), GRACE)).isEmpty();
        assertThat(ownerless.look(NEEDED, Set.of(A), GRACE + 1)).containsExactly(B);
        assertThat(ownerless.look(NEEDED, Set.of(A, B), GRACE + 2)).isEmpty();
        assertThat(ownerless.look(NEEDED, Set.of(A), GRACE + 3))
                .as("its time begins again")
                .isEmpty();
    }
}
