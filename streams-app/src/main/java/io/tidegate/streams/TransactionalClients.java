package io.tidegate.streams;

import io.tidegate.contract.Topics;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.processor.internals.DefaultKafkaClientSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kafka's clients for the threads, with five differences: they report to {@link Continuity}, which fails a thread
 * before it loses a record; a commit that times out is fatal for its thread; the open transaction of a failed thread
 * can be {@linkplain #abortTransactionOf aborted}; and transactions whose end the brokers {@linkplain OpenTransactions
 * forgot} are ended: those of a transactional id when it is taken over, and those of vanished instances by a periodic
 * search; and no config lacks a {@linkplain ConfigConsumer time}.
 *
 * <p>Kafka Streams 4.3.1 retries after such a timeout in a way that, with the classic group protocol, can skip the
 * records that were polled and not committed. The outcome of the transaction is unknown then; so the thread ends, and
 * its successor starts at the committed offset. Extends an internal class because Kafka Streams accepts no other
 * supplier with the streams group protocol.
 */
final class TransactionalClients extends DefaultKafkaClientSupplier implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TransactionalClients.class);

    private static final int ASK_AGAIN_MS = 1000;

    private static final Duration LOOK_EVERY = Duration.ofSeconds(30);

    private final Topics topics;
    private final String applicationId;
    private final @Nullable Alignment alignment;
    private final Readiness readiness;
    private final LostRecords lost;
    private final Continuity continuity;
    private final Map<String, String> transactionalIds = new ConcurrentHashMap<>();

    /** Those that are not complete, by transactional id. */
    private final Map<String, TakeOver> takeOvers = new ConcurrentHashMap<>();

    private final ScheduledExecutorService caretaker = Daemons.one("tidegate-transactions");
    private Set<OpenTransactions.OpenTransaction> seen = Set.of();
    private Set<OpenTransactions.OpenTransaction> reported = new HashSet<>();
    private final IngressTransactions ingress = new IngressTransactions();
    private volatile @Nullable Admin admin;
    private @Nullable PartitionWatch partitionWatch;

    /**
     * @param applicationId the group, and the prefix of its changelogs' names
     * @param alignment aligns the partitions of {@code signals}; null: each is read as fast as possible
     * @param readiness decides which records of the ingress topics are ready
     * @param continuity receives the delivered records and the commits
     * @param lost receives the deleted records that the threads' consumers find
     */
    TransactionalClients(
            Topics topics,
            String applicationId,
            @Nullable Alignment alignment,
            Readiness readiness,
            Continuity continuity,
            LostRecords lost) {
        this.lost = lost;
        this.readiness = readiness;
        this.topics = topics;
        this.applicationId = applicationId;
        this.alignment = alignment;
        this.continuity = continuity;
    }

    /** Returns a consumer for the classic group protocol; the other one uses a {@link PositioningConsumer}. */
    @Override
    public Consumer<byte[], byte[]> getConsumer(Map<String, Object> config) {
        return new GuardedConsumer(
                config, alignment == null ? Alignment.none() : alignment, readiness, continuity, lost);
    }

    @Override
    public Consumer<byte[], byte[]> getGlobalConsumer(Map<String, Object> config) {
        return new ConfigConsumer(config);
    }

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
        if (transactionalId != null && KafkaInternals.isProducerOfThread(clientId)) {
            transactionalIds.put(KafkaInternals.threadOf(clientId), transactionalId.toString());
        }
        return new TransactionalProducer(config);
    }

    /**
     * Starts the periodic search for transactions that the brokers forgot, and the queries for the group's progress.
     */
    void start() {
        Admin client = admin;
        if (alignment != null && client != null) {
            partitionWatch = new PartitionWatch(alignment, client, applicationId, continuity.records());
            partitionWatch.start();
        }
        var unused = caretaker.scheduleWithFixedDelay(
                this::endForgotten, LOOK_EVERY.toMillis(), LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** The client that Kafka Streams created for itself. */
    Admin admin() {
        Admin client = admin;
        if (client == null) {
            throw new IllegalStateException("not started");
        }
        return client;
    }

    /** Returns the number of producers' transactions that block the readers of the ingress topics. */
    int openIngressTransactions() {
        return ingress.blocking();
    }

    /**
     * Ends forgotten transactions among those that were already open at the last check: nearly all end within a
     * fraction of that time.
     */
    private void endForgotten() {
        Admin client = admin;
        if (client == null) {
            return;
        }
        try {
            OpenTransactions transactions = transactions(client);
            Set<OpenTransactions.OpenTransaction> now = transactions.lookWherePossible();
            Set<OpenTransactions.OpenTransaction> suspects = new HashSet<>(now);
            suspects.retainAll(seen);
            suspects.removeAll(reported);
            seen = now;
            reported.retainAll(now);
            if (!suspects.isEmpty()) {
                reported.addAll(transactions.endForgotten(suspects));
            }
            ingress.look(transactions, System.currentTimeMillis());
        } catch (RuntimeException e) {
            LOG.debug("could not look for transactions that are left open", e);
        }
    }

    /**
     * Asks the brokers, without waiting, to abort the uncommitted transaction of a failed thread. The thread that
     * replaces it has another transactional id. Without this, all readers of committed records would wait until the old
     * transaction times out. A commit that the brokers have begun is completed.
     */
    void abortTransactionOf(Thread failed) {
        String transactionalId = transactionalIds.remove(failed.getName());
        Admin client = admin;
        if (transactionalId == null || client == null) {
            return;
        }
        try {
            caretaker.execute(() -> abort(client, transactionalId, new AtomicBoolean()));
        } catch (RejectedExecutionException e) {
            logThatItTimesOut(transactionalId);
        }
    }

    /** Asks again until the brokers answer. */
    private void abort(Admin client, String transactionalId, AtomicBoolean isFenced) {
        if (transactionalIds.containsValue(transactionalId)) {
            // A new thread has the id by now, which ends the transaction; another abort would fence that thread.
            return;
        }
        try {
            takeOver(client, transactionalId, () -> {
                if (!isFenced.get()) {
                    transactions(client).fence(transactionalId);
                    isFenced.set(true);
                }
            });
            LOG.info("aborted the transaction of a thread that failed transactional_id={}", transactionalId);
        } catch (TimeoutException e) {
            LOG.debug("no answer about a transaction, asking again transactional_id={}", transactionalId, e);
            try {
                var unused = caretaker.schedule(
                        () -> abort(client, transactionalId, isFenced), ASK_AGAIN_MS, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException stopping) {
                logThatItTimesOut(transactionalId);
            }
        } catch (RuntimeException e) {
            LOG.warn(
                    "the transaction of a thread that failed ends only when it times out transactional_id={}",
                    transactionalId,
                    e);
        }
    }

    private static void logThatItTimesOut(String transactionalId) {
        LOG.debug("stopping, the transaction ends when it times out transactional_id={}", transactionalId);
    }

    /** @throws TimeoutException if it must be called again */
    private void takeOver(Admin client, String transactionalId, Runnable step) {
        TakeOver takeOver = takeOvers.computeIfAbsent(transactionalId, id -> {
            OpenTransactions transactions = transactions(client);
            return new TakeOver(id, () -> transactions.outcomeOf(id), transactions::endLeftOverOf, System::nanoTime);
        });
        takeOver.run(step);
        takeOvers.remove(transactionalId, takeOver);
    }

    private OpenTransactions transactions(Admin client) {
        return new OpenTransactions(client, topics, applicationId);
    }

    @Override
    public void close() {
        caretaker.shutdownNow();
        if (partitionWatch != null) {
            partitionWatch.close();
        }
    }

    private final class TransactionalProducer extends KafkaProducer<byte[], byte[]> {
        private final String transactionalId;
        private final Map<Integer, Long> acceptedOffsets = new ConcurrentHashMap<>();
        private Map<TopicPartition, OffsetAndMetadata> offsetsToCommit = Map.of();
        private boolean isInitialized;

        TransactionalProducer(Map<String, Object> config) {
            super(config, new ByteArraySerializer(), new ByteArraySerializer());
            transactionalId = String.valueOf(config.get(ProducerConfig.TRANSACTIONAL_ID_CONFIG));
        }

        @Override
        public void initTransactions() {
            continuity.afterCommit().transactionIsOpen(false);
            Admin client = admin;
            if (client == null) {
                super.initTransactions();
                return;
            }
            // If it times out, Kafka Streams tries again for the duration of task.timeout.ms.
            takeOver(client, transactionalId, () -> {
                if (!isInitialized) {
                    super.initTransactions();
                    isInitialized = true;
                }
            });
        }

        @Override
        public void beginTransaction() {
            super.beginTransaction();
            continuity.afterCommit().transactionIsOpen(true);
        }

        @Override
        public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            if (!record.topic().equals(topics.accepted())) {
                return super.send(record, callback);
            }
            return super.send(record, (metadata, failure) -> {
                if (failure == null) {
                    acceptedOffsets.merge(metadata.partition(), metadata.offset(), Math::max);
                }
                callback.onCompletion(metadata, failure);
            });
        }

        @Override
        public void sendOffsetsToTransaction(
                Map<TopicPartition, OffsetAndMetadata> offsets, ConsumerGroupMetadata group) {
            continuity.ofThread().requireCommittable(offsets);
            fatalIfTimedOut(() -> super.sendOffsetsToTransaction(offsets, group));
            offsetsToCommit = Map.copyOf(offsets);
        }

        @Override
        public void commitTransaction() {
            // If the commit fails, the thread ends, or begins another transaction with another producer.
            continuity.afterCommit().transactionIsOpen(false);
            fatalIfTimedOut(super::commitTransaction);
            if (alignment != null) {
                alignment.committed(offsetsToCommit);
            }
            offsetsToCommit = Map.of();
            continuity.ofThread().transactionCommitted();
            try {
                // All records of the transaction are acknowledged.
                continuity.afterCommit().run(partition -> acceptedOffsets.getOrDefault(partition, AfterCommit.NONE));
            } catch (RuntimeException e) {
                // Thrown from here, it would look like a failure of the commit to Kafka Streams.
                continuity.ofThread().failedAfterCommit(e);
            }
        }

        @Override
        public void abortTransaction() {
            continuity.afterCommit().transactionIsOpen(false);
            continuity.ofThread().transactionAborted();
            super.abortTransaction();
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
