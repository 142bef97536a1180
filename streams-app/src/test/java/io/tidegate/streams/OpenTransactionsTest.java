package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.streams.OpenTransactions.EndedTransaction;
import io.tidegate.streams.OpenTransactions.OpenTransaction;
import io.tidegate.streams.OpenTransactions.Outcome;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When a transaction that was not aborted may be aborted; tests with brokers cover the rest. */
class OpenTransactionsTest {
    private static final int EPOCH = 7;
    private static final long NOW_MS = 1_700_000_000_000L;
    private static final OpenTransaction OPEN =
            new OpenTransaction(new TopicPartition("accepted", 0), 42, EPOCH, 0, 100, NOW_MS - 1_000);

    private static EndedTransaction last(int epoch, Outcome outcome) {
        return new EndedTransaction("app-1", 42, epoch, epoch, outcome);
    }

    private static ProducerState state(int epoch, OptionalLong open) {
        return new ProducerState(42, epoch, 5, NOW_MS, OptionalInt.of(0), open);
    }

    private static boolean isInvisible(int lastEpoch, ProducerState... others) {
        List<ProducerState> states = new java.util.ArrayList<>(List.of(others));
        states.add(state(EPOCH, OptionalLong.of(100)));
        return OpenTransactions.isInvisible(last(lastEpoch, Outcome.UNKNOWN), OPEN, states, NOW_MS);
    }

    @Test
    void aTransactionWithoutAnyMarkerIsInvisible() {
        ProducerState earlier = state(EPOCH - 1, OptionalLong.empty());
        ProducerState anotherPart = state(EPOCH, OptionalLong.of(7));
        assertThat(isInvisible(EPOCH + 1, anotherPart, earlier)).isTrue();
        assertThat(isInvisible(EPOCH + 2, earlier))
                .as("an abort after the end raises the epoch again")
                .isTrue();
    }

    @Test
    void aTransactionWithAMarkerMayBeVisibleInPart() {
        assertThat(isInvisible(EPOCH + 1, state(EPOCH + 1, OptionalLong.empty())))
                .isFalse();
    }

    /** Below transaction.version 2, the end of a transaction does not raise the epoch. The cluster may have been upgraded since. */
    @Test
    void aTransactionWithAMarkerOfItsOwnEpochMayBeVisibleInPart() {
        assertThat(isInvisible(EPOCH + 1, state(EPOCH, OptionalLong.empty()))).isFalse();
    }

    @Test
    void aTransactionBeforeALaterOneMayBeVisibleInPart() {
        assertThat(isInvisible(EPOCH + 3, state(EPOCH + 2, OptionalLong.of(7)))).isFalse();
    }

    @Test
    void aTransactionWhoseEndDidNotRaiseTheEpochMayBeVisibleInPart() {
        assertThat(isInvisible(EPOCH)).isFalse();
    }

    /** Brokers forget the producers that wrote the other parts. */
    @Test
    void anOldTransactionMayBeVisibleInPart() {
        long dayLaterMs = NOW_MS + Duration.ofDays(1).toMillis();
        List<ProducerState> states = List.of(state(EPOCH, OptionalLong.of(100)));
        assertThat(OpenTransactions.isInvisible(last(EPOCH + 1, Outcome.UNKNOWN), OPEN, states, dayLaterMs))
                .isFalse();
    }

    /** An epoch that is equal is that of an abort that did not raise it. */
    @ParameterizedTest
    @CsvSource({"7, ABORTED", "8, ABORTED", "9, UNKNOWN", "10, UNKNOWN"})
    void onlyTheLastTransactionHasAKnownOutcome(int lastEpoch, Outcome expected) {
        assertThat(last(lastEpoch, Outcome.ABORTED).outcomeOf(OPEN)).isEqualTo(expected);
    }
}
