package io.tidegate.topology;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FenceProducersOptions;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.processor.internals.DefaultKafkaClientSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kafka's clients for the threads, with two differences: a commit that times out is fatal for its thread, and the
 * transaction that a thread leaves open when it fails can be {@linkplain #abortTransactionOf aborted}.
 *
 * <p>Kafka Streams 4.3.1 answers such a time-out by retrying in a way that, with the classic group protocol, can skip
 * the records that were polled and not committed. Whether the transaction was committed is not known then; so the thread
 * ends, and its successor begins at the committed offset. Extends an internal class because Kafka Streams accepts no
 * other supplier with the streams group protocol.
 */
final class TransactionalClients extends DefaultKafkaClientSupplier {
    private static final Logger LOG = LoggerFactory.getLogger(TransactionalClients.class);

    private static final String CLIENT_ID_SUFFIX = "-producer";
    private static final int ABORT_WITHIN_MS = 30_000;

    private final Map<String, String> transactionalIds = new ConcurrentHashMap<>();
    private volatile @Nullable Admin admin;

    @Override
    public Admin getAdmin(Map<String, Object> config) {
        Admin created = super.getAdmin(config);
        admin = created;
        return created;
    }

    @Override
    public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
        String clientId = String.valueOf(config.get(ProducerConfig.CLIENT_ID_CONFIG));
        Object transactionalId = config.get(ProducerConfig.TRANSACTIONAL_ID_CONFIG);
        if (transactionalId != null && clientId.endsWith(CLIENT_ID_SUFFIX)) {
            String thread = clientId.substring(0, clientId.length() - CLIENT_ID_SUFFIX.length());
            transactionalIds.put(thread, transactionalId.toString());
        }
        return new TransactionalProducer(config);
    }

    /**
     * Asks the brokers, without waiting, to abort what a thread that failed has not committed. The thread that comes in
     * its place has another transactional id; without this, everybody who reads committed records would wait until the
     * old transaction times out. A commit that the brokers have begun is completed.
     */
    void abortTransactionOf(Thread failed) {
        String transactionalId = transactionalIds.remove(failed.getName());
        Admin client = admin;
        if (transactionalId == null || client == null) {
            return;
        }
        var unused = client.fenceProducers(
                        List.of(transactionalId), new FenceProducersOptions().timeoutMs(ABORT_WITHIN_MS))
                .all()
                .whenComplete((done, failure) -> {
                    if (failure == null) {
                        LOG.info(
                                "aborted the transaction of a thread that failed transactional_id={}", transactionalId);
                    } else {
                        LOG.warn(
                                "the transaction of a thread that failed ends only when it times out"
                                        + " transactional_id={}",
                                transactionalId,
                                failure);
                    }
                });
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
