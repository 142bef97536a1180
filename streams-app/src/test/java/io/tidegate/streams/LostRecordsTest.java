package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.topology.TopologyListener;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
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

    @Test
    void aTopicThatEndsBeforeThePositionLostNothingThatCanBeCounted() {
        records.report(PARTITION, 20, 35);
        records.report(PARTITION, 50, 0);
        records.report(PARTITION, 10, 12);

        assertThat(lost).containsExactly("signals 15", "signals 2");
    }
}
