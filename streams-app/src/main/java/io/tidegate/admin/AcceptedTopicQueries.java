package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.AcceptedTopic;
import io.tidegate.contract.NumberedKey;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.WalRecord;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/** Answers the WAL's queries about {@code signals-accepted}. */
final class AcceptedTopicQueries implements AcceptedTopic {
    /** How far back to search for the stored record. Limits how long a stream thread waits. */
    private static final long EARLIER_OFFSETS_MAX = 2_000_000;

    private final Settings settings;
    private final Admin admin;
    private final AssignedNumbers assigned;
    private final BooleanSupplier isReplacement;

    /** @param isReplacement whether the topic replaced an earlier one of the same name */
    AcceptedTopicQueries(Settings settings, Admin admin, BooleanSupplier isReplacement) {
        this.settings = settings;
        this.isReplacement = isReplacement;
        this.admin = admin;
        this.assigned = new AssignedNumbers(settings);
    }

    @Override
    public boolean beginningIsGone(int partition) {
        return offset(partition, OffsetSpec.earliest()) > 0 || isReplacement.getAsBoolean();
    }

    @Override
    public boolean hasRecords(int partition, long from, long to) {
        return TopicReader.hasRecords(settings, topicPartition(partition), from, to);
    }

    @Override
    public boolean isGap(int partition, TenantId tenant, long nextSeq, long seq, long offset) {
        return assigned.isGap(topicPartition(partition), tenant, nextSeq, seq, offset);
    }

    @Override
    public boolean hasEarlier(int partition, TenantId tenant, long seq, long offset, Predicate<WalRecord> isStored) {
        boolean[] found = new boolean[1];
        TopicPartition of = topicPartition(partition);
        long from = Math.max(0, offset - EARLIER_OFFSETS_MAX);
        try (TopicReader reader = TopicReader.at(settings, of, from, IsolationLevel.READ_COMMITTED)) {
            reader.readTo(Map.of(of, offset), () -> !found[0], record -> {
                NumberedKey key = NumberedKey.tryParse(record.key());
                found[0] |= key != null
                        && key.seq() == seq
                        && key.tenant().equals(tenant)
                        && record.value() != null
                        && isStored.test(AcceptedRecord.of(seq, record.timestamp(), record.value(), record.headers()));
            });
        }
        return found[0];
    }

    long offset(int partition, OffsetSpec which) {
        TopicPartition of = topicPartition(partition);
        return TopicStates.retryUntilKnown(() -> KafkaAnswers.get(
                        admin.listOffsets(Map.of(of, which)).partitionResult(of), "reading an offset of " + of))
                .offset();
    }

    private TopicPartition topicPartition(int partition) {
        return new TopicPartition(settings.topics().accepted(), partition);
    }
}
