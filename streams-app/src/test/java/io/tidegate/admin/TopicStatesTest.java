package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.Test;

class TopicStatesTest {
    /** The response of a broker that does not know a new topic yet. */
    private static KafkaFuture<String> unknown() {
        KafkaFutureImpl<String> answer = new KafkaFutureImpl<>();
        answer.completeExceptionally(new UnknownTopicOrPartitionException(""));
        return answer;
    }

    @Test
    void aBrokerThatDoesNotKnowANewTopicYetIsAskedAgain() {
        AtomicInteger questions = new AtomicInteger();

        String answer = TopicStates.retryUntilKnown(
                () -> KafkaAnswers.get(
                        questions.incrementAndGet() < 3 ? unknown() : KafkaFuture.completedFuture("known"), "asking"),
                Duration.ofMinutes(1));

        assertThat(answer).isEqualTo("known");
        assertThat(questions).hasValue(3);
    }

    @Test
    void aFailureWithoutAMessageIsNamedByItsKind() {
        assertThatThrownBy(
                        () -> TopicStates.retryUntilKnown(() -> KafkaAnswers.get(unknown(), "asking"), Duration.ZERO))
                .isInstanceOf(AdminException.class)
                .hasMessage("asking failed: UnknownTopicOrPartitionException");
    }

    @Test
    void aFailureThatDoesNotPassIsReportedAtOnce() {
        AtomicInteger questions = new AtomicInteger();
        KafkaFutureImpl<String> denied = new KafkaFutureImpl<>();
        denied.completeExceptionally(new TopicAuthorizationException("not authorised"));

        assertThatThrownBy(() -> TopicStates.retryUntilKnown(() -> {
                    questions.incrementAndGet();
                    return KafkaAnswers.get(denied, "asking");
                }))
                .isInstanceOf(AdminException.class)
                .hasMessage("asking failed: not authorised");
        assertThat(questions).hasValue(1);
    }
}
