package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class BrokerContactTest {
    private static final TopicPartition PARTITION = new TopicPartition("quota-exceeded", 0);

    private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("latest");
    private final AtomicLong nanos = new AtomicLong(5);
    private final BrokerContact contact = new BrokerContact(consumer, List.of(PARTITION), nanos::get);

    private boolean isLostAfter(long seconds, boolean arrived) {
        nanos.addAndGet(seconds * 1_000_000_000);
        contact.polled(arrived);
        return contact.isLost();
    }

    @Test
    void asksTheBrokersOnlyAfterSomeTimeWithoutRecords() {
        consumer.updateEndOffsets(Map.of(PARTITION, 7L));
        long every = BrokerContact.ASK_EVERY.toSeconds();
        consumer.setOffsetsException(new TimeoutException("no answer"));
        assertThat(isLostAfter(every - 1, false)).isFalse();
        assertThat(isLostAfter(every - 1, true)).isFalse();
        assertThat(isLostAfter(every - 1, false)).isFalse();
        assertThat(isLostAfter(1, false)).as("asked").isTrue();
        assertThat(isLostAfter(1, false)).as("not asked again at once").isTrue();
        assertThat(isLostAfter(every, false)).as("they answered").isFalse();
        consumer.setOffsetsException(new TimeoutException("no answer"));
        assertThat(isLostAfter(every, false)).isTrue();
        assertThat(isLostAfter(1, true)).as("a record arrived").isFalse();
    }
}
