package io.tidegate.admin;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports when a consumer that waits for new records has lost the brokers, which would otherwise look like no records. Not
 * thread-safe.
 */
final class BrokerContact {
    private static final Logger LOG = LoggerFactory.getLogger(BrokerContact.class);
    static final Duration ASK_EVERY = Duration.ofSeconds(10);
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(5);

    private final Consumer<byte[], byte[]> consumer;
    private final Collection<TopicPartition> partitions;
    private final LongSupplier nowNanos;
    private long knownNanos;
    private boolean lost;

    BrokerContact(Consumer<byte[], byte[]> consumer, Collection<TopicPartition> partitions, LongSupplier nowNanos) {
        this.consumer = consumer;
        this.partitions = List.copyOf(partitions);
        this.nowNanos = nowNanos;
        knownNanos = nowNanos.getAsLong();
    }

    /**
     * Must be called after each poll. After some time without records, asks for the ends of the partitions.
     *
     * @param arrived whether the poll returned records
     */
    void polled(boolean arrived) {
        long now = nowNanos.getAsLong();
        if (!arrived && now - knownNanos < ASK_EVERY.toNanos()) {
            return;
        }
        knownNanos = now;
        boolean answers = arrived || answers();
        if (!answers && !lost) {
            LOG.warn("the brokers do not answer; waiting for them partitions={}", partitions);
        } else if (answers && lost) {
            LOG.warn("the brokers answer again partitions={}", partitions);
        }
        lost = !answers;
    }

    /** Whether the brokers did not answer the last time. */
    boolean isLost() {
        return lost;
    }

    private boolean answers() {
        try {
            var unused = consumer.endOffsets(partitions, ANSWER_WITHIN);
            return true;
        } catch (TimeoutException e) {
            return false;
        }
    }
}
