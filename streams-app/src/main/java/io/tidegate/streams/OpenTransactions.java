package io.tidegate.streams;

import io.tidegate.contract.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeProducersResult;
import org.apache.kafka.clients.admin.FenceProducersOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;
import org.apache.kafka.common.internals.Topic;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the transactions that are open in the partitions that an application writes, and ends those that the brokers
 * forgot.
 *
 * <p>The transaction coordinator ends a transaction by writing a marker into each of its partitions. Brokers of version
 * 4.3.1 skip the marker for a partition that has no leader at that moment, and count the transaction as ended. All
 * partitions are in that state for a second when the broker of a single-node cluster restarts after a crash, and some
 * when a whole cluster starts. Such a transaction stays open indefinitely: a reader of committed records stops before
 * it, and so does the restoration of a store from such a partition. The producer's next commit there would make aborted
 * records visible.
 *
 * <p>This class aborts the remaining parts of aborted transactions. It aborts others, which were committed or whose outcome is
 * not known any more, only if no marker was written anywhere, including the group's offsets, and only for threads of this
 * application, whose id it takes first: then no reader has seen a part of them, and their thread begins at the offsets before
 * them. All other cases are only reported. Thread-safe.
 */
public final class OpenTransactions {
    private static final Logger LOG = LoggerFactory.getLogger(OpenTransactions.class);
    private static final long ANSWER_WITHIN_S = 15;
    private static final int FENCE_WITHIN_MS = 30_000;

    /** KIP-890: from this {@code transaction.version} on, the end of a transaction raises the epoch of its producer. */
    private static final int EACH_END_RAISES_THE_EPOCH = 2;

    /** Shorter than the day after which brokers forget producers without an open transaction (producer.id.expiration.ms). */
    private static final long REMEMBERED_MS = Duration.ofHours(12).toMillis();

    /**
     * A transaction that is open in one partition.
     *
     * @param partition the partition
     * @param producerId the id of its producer
     * @param epoch the producer's epoch when it wrote
     * @param coordinatorEpoch the coordinator epoch that the partition knows
     * @param startOffset the offset of its first record in the partition
     * @param lastTimestampMs the time of its last record in the partition
     */
    public record OpenTransaction(
            TopicPartition partition,
            long producerId,
            int epoch,
            int coordinatorEpoch,
            long startOffset,
            long lastTimestampMs) {}

    /**
     * The outcome of the last transaction of a producer, or its outcome as soon as its transactional id is taken over.
     *
     * @param transactionalId the transactional id of the producer
     * @param producerId the id of the producer
     * @param epoch the epoch that its coordinator knows
     * @param endEpoch the epoch of the end of the transaction, one above that of its records
     * @param outcome how it ended
     */
    record EndedTransaction(String transactionalId, long producerId, int epoch, int endEpoch, Outcome outcome) {

        /**
         * Returns how an open transaction of the same producer ended: it is a part of this one, or an earlier one. Each end
         * raises the epoch by one, and an attempt to abort an ended transaction raises it again.
         */
        Outcome outcomeOf(OpenTransaction open) {
            return endEpoch - open.epoch() <= 1 ? outcome : Outcome.UNKNOWN;
        }
    }

    enum Outcome {
        ABORTED("it was aborted"),
        COMMITTED("it was committed, and a part of it may be visible"),
        UNKNOWN("its outcome is not known any more");

        private final String text;

        Outcome(String text) {
            this.text = text;
        }
    }

    private final Admin admin;
    private final Topics topics;
    private final String applicationId;

    public OpenTransactions(Admin admin, Topics topics, String applicationId) {
        this.admin = admin;
        this.topics = topics;
        this.applicationId = applicationId;
    }

    /**
     * Returns all transactions that are open now, including those in progress and those of producers in the ingress
     * topics.
     *
     * @throws KafkaException if the brokers do not answer, for example because the topics may not be read
     */
    public Set<OpenTransaction> look() {
        Producers producers = producers();
        if (producers.rejected != null) {
            throw producers.rejected;
        }
        Set<OpenTransaction> open = new HashSet<>(producers.open());
        open.addAll(lookAtIngress());
        return open;
    }

    /**
     * Returns the transactions of producers in the ingress topics. Signals of all tenants behind one wait until it
     * ends.
     */
    Set<OpenTransaction> lookAtIngress() {
        List<TopicPartition> ingress = new ArrayList<>();
        Set<String> existing = new HashSet<>(get(admin.listTopics().names()));
        existing.retainAll(topics.signals());
        get(admin.describeTopics(existing).allTopicNames())
                .forEach((name, topic) ->
                        topic.partitions().forEach(one -> ingress.add(new TopicPartition(name, one.partition()))));
        return producers(ingress).open();
    }

    /** Returns the transactional id of a producer; "unknown" if this application may not see it. */
    String transactionalIdOf(long producerId) {
        return get(admin.listTransactions(new ListTransactionsOptions().filterProducerIds(Set.of(producerId)))
                        .all())
                .stream()
                .map(TransactionListing::transactionalId)
                .findFirst()
                .orElse("unknown");
    }

    /** Like {@link #look}, without the partitions that this application may not read. */
    Set<OpenTransaction> lookWherePossible() {
        return producers().open();
    }

    /** Returns the state to remember before a transactional id is taken over; null if there is none. */
    @Nullable
    EndedTransaction outcomeOf(String transactionalId) {
        TransactionDescription last;
        try {
            last = describe(transactionalId);
        } catch (TransactionalIdNotFoundException e) {
            return null;
        }
        return ended(transactionalId, last);
    }

    private static EndedTransaction ended(String transactionalId, TransactionDescription last) {
        Outcome outcome = switch (last.state()) {
            // The next producer with this id makes the brokers abort it.
            case ONGOING, PREPARE_EPOCH_FENCE, PREPARE_ABORT, COMPLETE_ABORT -> Outcome.ABORTED;
            case PREPARE_COMMIT, COMPLETE_COMMIT -> Outcome.COMMITTED;
            case EMPTY, UNKNOWN -> Outcome.UNKNOWN;
        };
        int epoch = last.producerEpoch();
        // Before its end, the epoch is that of the records.
        boolean isBeforeItsEnd =
                last.state() == TransactionState.ONGOING || last.state() == TransactionState.PREPARE_EPOCH_FENCE;
        return new EndedTransaction(
                transactionalId, last.producerId(), epoch, isBeforeItsEnd ? epoch + 1 : epoch, outcome);
    }

    private TransactionDescription describe(String transactionalId) {
        return get(admin.describeTransactions(Set.of(transactionalId)).description(transactionalId));
    }

    /**
     * Ends the remaining parts of a transaction. Called after its transactional id was taken over, and before the new
     * producer writes.
     */
    void endLeftOverOf(EndedTransaction ended) {
        Producers producers = producers();
        List<OpenTransaction> left = producers.open().stream()
                .filter(one -> one.producerId() == ended.producerId() && one.epoch() <= ended.epoch())
                .toList();
        var unused = end(ended, left, producers);
    }

    /**
     * Ends transactions that have ended according to their coordinators.
     *
     * @param suspects transactions that have been open for a long time
     * @return those that cannot be ended here; they have been reported
     */
    Set<OpenTransaction> endForgotten(Collection<OpenTransaction> suspects) {
        Map<Long, List<OpenTransaction>> byProducer = new HashMap<>();
        suspects.forEach(one -> byProducer
                .computeIfAbsent(one.producerId(), id -> new ArrayList<>())
                .add(one));
        Collection<TransactionListing> owners =
                get(admin.listTransactions(new ListTransactionsOptions().filterProducerIds(byProducer.keySet()))
                        .all());
        Set<OpenTransaction> reported = new HashSet<>();
        for (TransactionListing owner : owners) {
            TransactionDescription last = describe(owner.transactionalId());
            boolean isDone = switch (last.state()) {
                case COMPLETE_ABORT, COMPLETE_COMMIT, EMPTY -> true;
                // Its coordinator is working on it.
                case ONGOING, PREPARE_EPOCH_FENCE, PREPARE_ABORT, PREPARE_COMMIT, UNKNOWN -> false;
            };
            if (!isDone) {
                continue;
            }
            EndedTransaction ended = ended(owner.transactionalId(), last);
            List<OpenTransaction> open = byProducer.getOrDefault(last.producerId(), List.of());
            // Queried after the coordinator, so that a transaction that began since is not mistaken for a remaining
            // one.
            Producers producers = producers();
            List<OpenTransaction> left = stillOpen(open, producers);
            if (isOfThread(ended.transactionalId()) && hasInvisible(ended, left, producers)) {
                // Its thread may be running, and has seen that the commit succeeded.
                fence(ended.transactionalId());
                producers = producers();
                left = stillOpen(open, producers);
            }
            if (!end(ended, left, producers)) {
                reported.addAll(left);
            }
        }
        return reported;
    }

    /** Takes a transactional id from its owner, if it still has one. The brokers abort its uncommitted transaction. */
    void fence(String transactionalId) {
        try {
            admin.fenceProducers(List.of(transactionalId), new FenceProducersOptions().timeoutMs(FENCE_WITHIN_MS))
                    .all()
                    .get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof KafkaException cause ? cause : new KafkaException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new org.apache.kafka.common.errors.InterruptException(e);
        }
    }

    private boolean hasInvisible(EndedTransaction ended, List<OpenTransaction> open, Producers producers) {
        return open.stream()
                .anyMatch(one -> ended.outcomeOf(one) != Outcome.ABORTED && isInvisible(ended, one, producers));
    }

    private static List<OpenTransaction> stillOpen(List<OpenTransaction> open, Producers producers) {
        Set<OpenTransaction> now = producers.open();
        return open.stream().filter(now::contains).toList();
    }

    /** Whether a transactional id is that of a thread of this application. Others may have acted on what they committed. */
    private boolean isOfThread(String transactionalId) {
        return KafkaInternals.isTransactionalIdOfThread(applicationId, transactionalId);
    }

    /**
     * Aborts what is open of a transaction; returns false, after reporting the reason, if that is not possible.
     *
     * @param open the open transactions of its producer
     */
    private boolean end(EndedTransaction ended, List<OpenTransaction> open, Producers producers) {
        if (open.isEmpty()) {
            return true;
        }
        boolean isOfThread = isOfThread(ended.transactionalId());
        List<OpenTransaction> endable = new ArrayList<>();
        Map<Outcome, List<OpenTransaction>> others = new EnumMap<>(Outcome.class);
        for (OpenTransaction one : open) {
            Outcome outcome = ended.outcomeOf(one);
            if (outcome == Outcome.ABORTED || (isOfThread && isInvisible(ended, one, producers))) {
                endable.add(one);
            } else {
                others.computeIfAbsent(outcome, unused -> new ArrayList<>()).add(one);
            }
        }
        others.forEach((outcome, parts) -> report(ended.transactionalId(), parts, outcome.text));
        for (OpenTransaction one : endable) {
            try {
                get(admin.abortTransaction(new AbortTransactionSpec(
                                one.partition(), one.producerId(), (short) one.epoch(), one.coordinatorEpoch()))
                        .all());
            } catch (AuthorizationException e) {
                report(ended.transactionalId(), endable, "Tidegate may not end it: that needs Alter on the cluster");
                return false;
            }
        }
        if (!endable.isEmpty()) {
            LOG.warn(
                    "ended a transaction whose end the brokers had not written; its signals are decided again"
                            + " transactional_id={} partitions={}",
                    ended.transactionalId(),
                    partitions(endable));
        }
        return others.isEmpty();
    }

    private boolean eachEndRaisesTheEpoch() {
        var version = get(admin.describeFeatures().featureMetadata())
                .finalizedFeatures()
                .get("transaction.version");
        return version != null && version.maxVersionLevel() >= EACH_END_RAISES_THE_EPOCH;
    }

    private boolean isInvisible(EndedTransaction last, OpenTransaction open, Producers producers) {
        return producers.rejected == null
                && producers.hasOffsets
                && isInvisible(last, open, producers.statesOf(last.producerId()), System.currentTimeMillis())
                && eachEndRaisesTheEpoch();
    }

    /**
     * Whether no reader of committed records has seen a part of an open transaction: each marker of it raises the producer's
     * epoch in its partition, and so does each later transaction.
     *
     * @param states the states of its producer in all partitions
     */
    static boolean isInvisible(
            EndedTransaction last, OpenTransaction open, Collection<ProducerState> states, long nowMs) {
        long ageMs = nowMs - open.lastTimestampMs();
        return open.epoch() < last.endEpoch()
                && ageMs >= 0
                && ageMs < REMEMBERED_MS
                && states.stream()
                        .allMatch(state -> state.producerEpoch() < open.epoch()
                                || (state.producerEpoch() == open.epoch()
                                        // Otherwise it ended here before each end raised the epoch.
                                        && state.currentTransactionStartOffset().isPresent()));
    }

    private static void report(String transactionalId, List<OpenTransaction> left, String why) {
        if (!left.isEmpty()) {
            LOG.error(
                    "a transaction is open that the brokers count as ended, readers of committed records wait behind it;"
                            + " {}. See tidegate doctor transactional_id={} partitions={}",
                    why,
                    transactionalId,
                    partitions(left));
        }
    }

    private static List<TopicPartition> partitions(List<OpenTransaction> left) {
        return left.stream().map(OpenTransaction::partition).toList();
    }

    /** The producers' states in some partitions. */
    private static final class Producers {
        private final Map<TopicPartition, List<ProducerState>> states = new HashMap<>();
        /** Whether the group's offsets are among the partitions: they are missing without the right to see them. */
        private final boolean hasOffsets;
        /** The failure of partitions that may not be read; null if there is none. */
        private @Nullable KafkaException rejected;

        private Producers(boolean hasOffsets) {
            this.hasOffsets = hasOffsets;
        }

        Set<OpenTransaction> open() {
            Set<OpenTransaction> open = new HashSet<>();
            states.forEach((partition, producers) -> producers.stream()
                    .filter(state -> state.currentTransactionStartOffset().isPresent())
                    .map(state -> new OpenTransaction(
                            partition,
                            state.producerId(),
                            state.producerEpoch(),
                            state.coordinatorEpoch().orElse(0),
                            state.currentTransactionStartOffset().getAsLong(),
                            state.lastTimestamp()))
                    .forEach(open::add));
            return open;
        }

        List<ProducerState> statesOf(long producerId) {
            return states.values().stream()
                    .flatMap(List::stream)
                    .filter(state -> state.producerId() == producerId)
                    .toList();
        }
    }

    private Producers producers() {
        return producers(partitions());
    }

    private Producers producers(List<TopicPartition> partitions) {
        DescribeProducersResult answers = admin.describeProducers(partitions);
        Producers producers =
                new Producers(partitions.stream().anyMatch(one -> one.topic().equals(Topic.GROUP_METADATA_TOPIC_NAME)));
        for (TopicPartition partition : partitions) {
            try {
                producers.states.put(
                        partition, get(answers.partitionResult(partition)).activeProducers());
            } catch (AuthorizationException e) {
                producers.rejected = e;
            }
        }
        return producers;
    }

    /** Returns the partitions that transactions write to: topics, changelogs, and the group's offsets. */
    private List<TopicPartition> partitions() {
        Set<String> fixed = Set.of(
                topics.configs(),
                topics.byTenant(),
                topics.accepted(),
                topics.quotaExceeded(),
                topics.deadLetter(),
                topics.segments(),
                topics.events(),
                Topic.GROUP_METADATA_TOPIC_NAME);
        List<String> names = get(admin.listTopics(new ListTopicsOptions().listInternal(true))
                        .names())
                .stream()
                .filter(name -> fixed.contains(name) || KafkaInternals.isChangelog(applicationId, name))
                .toList();
        Map<String, TopicDescription> described =
                get(admin.describeTopics(names).allTopicNames());
        List<TopicPartition> partitions = new ArrayList<>();
        described.forEach((name, topic) -> {
            int count = topic.partitions().size();
            if (name.equals(Topic.GROUP_METADATA_TOPIC_NAME)) {
                partitions.add(new TopicPartition(name, KafkaInternals.offsetsPartition(applicationId, count)));
            } else {
                topic.partitions().forEach(one -> partitions.add(new TopicPartition(name, one.partition())));
            }
        });
        return partitions;
    }

    private static <T> T get(KafkaFuture<T> answer) {
        try {
            return answer.get(ANSWER_WITHIN_S, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RetriableException
                    && !(e.getCause() instanceof org.apache.kafka.common.errors.TimeoutException)) {
                // Such as too few copies in sync. Callers repeat only after timeouts.
                throw new org.apache.kafka.common.errors.TimeoutException(e.getCause());
            }
            throw e.getCause() instanceof KafkaException cause ? cause : new KafkaException(e.getCause());
        } catch (TimeoutException e) {
            throw new org.apache.kafka.common.errors.TimeoutException(
                    "no answer within %d s".formatted(ANSWER_WITHIN_S), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new org.apache.kafka.common.errors.InterruptException(e);
        }
    }
}
