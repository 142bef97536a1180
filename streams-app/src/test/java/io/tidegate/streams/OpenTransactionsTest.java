package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

/** When a transaction that its coordinator reports as committed may be aborted; tests with brokers cover the rest. */
class OpenTransactionsTest {
    private static final int EPOCH = 7;
    private static final OpenTransactions.EndedTransaction COMMITTED =
            new OpenTransactions.EndedTransaction("app-1", 42, EPOCH + 1, true);

    private static OpenTransactions.OpenTransaction open(String topic, int epoch) {
        return new OpenTransactions.OpenTransaction(new TopicPartition(topic, 0), 42, epoch, 0, 100, 1_000);
    }

    private static ProducerState state(int epoch, OptionalLong open) {
        return new ProducerState(42, epoch, 5, 1_000, OptionalInt.of(0), open);
    }

    @Test
    void aCommitWithoutAnyMarkerIsInvisible() {
        assertThat(OpenTransactions.nothingWasCommitted(
                        COMMITTED,
                        List.of(open("accepted", EPOCH), open("__consumer_offsets", EPOCH)),
                        List.of(
                                state(EPOCH, OptionalLong.of(100)),
                                state(EPOCH, OptionalLong.of(100)),
                                // Not part of the transaction, so it has no marker of it.
                                state(EPOCH, OptionalLong.empty()))))
                .isTrue();
    }

    @Test
    void aCommitWithOneMarkerIsVisibleInPart() {
        assertThat(OpenTransactions.nothingWasCommitted(
                        COMMITTED,
                        List.of(open("accepted", EPOCH)),
                        List.of(state(EPOCH, OptionalLong.of(100)), state(EPOCH + 1, OptionalLong.empty()))))
                .isFalse();
    }

    @Test
    void anEarlierOpenTransactionIsNotJudgedByALaterOne() {
        assertThat(OpenTransactions.nothingWasCommitted(
                        COMMITTED,
                        List.of(open("accepted", EPOCH - 3)),
                        List.of(state(EPOCH - 3, OptionalLong.of(100)))))
                .isFalse();
    }

    @Test
    void anOpenTransactionIsPartOfTheOneWhoseEndRaisedItsEpochOnce() {
        assertThat(COMMITTED.includes(open("accepted", EPOCH))).isTrue();
        // An abort that did not raise the epoch.
        assertThat(COMMITTED.includes(open("accepted", EPOCH + 1))).isTrue();
        assertThat(COMMITTED.includes(open("accepted", EPOCH - 1))).isFalse();
    }
}
