package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.contract.AcceptedTopic;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;

/** Answers what the WAL asks about {@code signals-accepted}. */
final class AcceptedTopicQueries implements AcceptedTopic {
    private final Settings settings;
    private final Admin admin;

    AcceptedTopicQueries(Settings settings, Admin admin) {
        this.settings = settings;
        this.admin = admin;
    }

    @Override
    public boolean beginningIsGone(int partition) {
        return offset(partition, OffsetSpec.earliest()) > 0;
    }

    @Override
    public boolean hasRecords(int partition, long from, long to) {
        return TopicReader.hasRecords(settings, topicPartition(partition), from, to);
    }

    long offset(int partition, OffsetSpec which) {
        TopicPartition of = topicPartition(partition);
        return KafkaFutures.get(
                        admin.listOffsets(java.util.Map.of(of, which)).partitionResult(of),
                        "asking for an offset of " + of)
                .offset();
    }

    private TopicPartition topicPartition(int partition) {
        return new TopicPartition(settings.topics().accepted(), partition);
    }
}
