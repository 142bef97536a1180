package io.tidegate.topology;

import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.processor.internals.DefaultKafkaClientSupplier;

/**
 * Makes a commit that times out fatal for its thread.
 *
 * <p>Kafka Streams 4.3.1 answers such a time-out by retrying in a way that, with the classic group protocol, can skip
 * the records that were polled and not committed. Whether the transaction was committed is not known then; so the thread
 * ends, and its successor begins at the committed offset. Extends an internal class because Kafka Streams accepts no
 * other supplier with the streams group protocol.
 */
final class FatalCommitTimeouts extends DefaultKafkaClientSupplier {
    @Override
    public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
        return new TransactionalProducer(config);
    }

    private static final class TransactionalProducer extends KafkaProducer<byte[], byte[]> {
        TransactionalProducer(Map<String, Object> config) {
            super(config, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public void sendOffsetsToTransaction(
                Map<TopicPartition, OffsetAndMetadata> offsets, ConsumerGroupMetadata group) {
            fatalIfTimedOut(() -> super.sendOffsetsToTransaction(offsets, group));
        }

        @Override
        public void commitTransaction() {
            fatalIfTimedOut(super::commitTransaction);
        }

        private static void fatalIfTimedOut(Runnable step) {
            try {
                step.run();
            } catch (TimeoutException e) {
                throw new KafkaException("a commit timed out; its outcome is unknown, so the thread starts again", e);
            }
        }
    }
}
