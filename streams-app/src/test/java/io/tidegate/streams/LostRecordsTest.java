package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.topology.TopologyListener;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

/** Records that are deleted before they are read are counted, each of them once. */
final class LostRecordsTest {
    private static final TopicPartition PARTITION = new TopicPartition("signals", 3);

    private final List<String> lost = new ArrayList<>();
    private final LostRecords records = new LostRecords(new TopologyListener() {
        @Override
        public void lost(String topic, long count) {
            lost.add(topic + " " + count);
        }
    });

    @Test
    void theRangeBetweenThePositionAndTheBeginningIsLost() {
        records.report(PARTITION, 20, 35);

        assertThat(lost).containsExactly("signals 15");
    }

    @Test
    void aThreadThatFailsBeforeItCommitsDoesNotCountTheSameRangeTwice() {
        records.report(PARTITION, 20, 35);
        records.report(PARTITION, 20, 35);
        records.report(PARTITION, 20, 40);
        records.report(new TopicPartition("signals", 4), 20, 35);

        assertThat(lost).containsExactly("signals 15", "signals 5", "signals 15");
    }

    private static MockConsumer<byte[], byte[]> beginningAt(long offset) {
        var consumer = new MockConsumer<byte[], byte[]>("earliest");
        consumer.updateBeginningOffsets(Map.of(PARTITION, offset));
        return consumer;
    }

    @Test
    void readingContinuesAfterTheLostRange() {
        records.outOfRange(beginningAt(35), new OffsetOutOfRangeException(Map.of(PARTITION, 20L)));

        assertThat(lost).containsExactly("signals 15");
    }

    /** At the beginning are signals that were decided before. */
    @Test
    void readingDoesNotContinueIfATopicEndsBeforeThePosition() {
        var beyond = new OffsetOutOfRangeException(Map.of(PARTITION, 50L));

        assertThatThrownBy(() -> records.outOfRange(beginningAt(0), beyond))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("signals-3 ends before offset 50, up to which it was read")
                .hasMessageContaining("tidegate reset --topic signals --to-datetime");
        assertThat(lost).isEmpty();
    }

    @Test
    void readingDoesNotContinueIfTheBrokersDoNotSayWhatTheyHave() {
        var consumer = beginningAt(35);
        consumer.setOffsetsException(new TimeoutException("no answer"));

        assertThatThrownBy(() -> records.outOfRange(consumer, new OffsetOutOfRangeException(Map.of(PARTITION, 20L))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("{signals-3=20}");
        assertThat(lost).isEmpty();
    }
}
