package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.KafkaAnswers;
import io.tidegate.admin.MissingTopicException;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admission.Reason;
import io.tidegate.config.Settings;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.ReplayJudge.Candidate;
import io.tidegate.tools.ReplayJudge.Verdict;
import io.tidegate.wal.WalRecord;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Sends rejected signals again to the partitions from which they were read, each rejection once.
 *
 * <p>A replay covers the rejections that exist when it starts. If a signal that it sends is rejected again, the new rejection
 * is not part of it. It skips signals that the limits in force and the current usage would reject again ({@link ReplayJudge}).
 * It is always paced ({@link ReplayPace}), also for tenants without a rate.
 *
 * <p>Replayed rejections are recorded in a ledger, the compacted topic {@code <application.id>-replays}: one record for each
 * rejection, written in the transaction that sends the signal. So a run that is killed and started again sends nothing twice,
 * even with another filter; offsets of a consumer group could not record that. Two runs at once share one transactional id: the
 * later one fences the earlier and then reads the ledger.
 *
 * <p>Not thread-safe; for one call of {@link #plan} or {@link #run}.
 */
public final class Replay {
    /** How often a signal is sent again at most, by default. */
    public static final int REPLAYS_MAX_DEFAULT = 3;

    /** The highest maximum that can be chosen. */
    public static final int REPLAYS_MAX_LIMIT = 1_000;

    /** Signals per second over all tenants, by default. */
    public static final int PACE_DEFAULT = 500;

    public static final int PACE_MAX = 100_000;

    /** The prefix of all headers that Tidegate writes. */
    private static final String OWN_HEADERS = "tidegate.";

    private static final int BATCH_RECORDS = 200;
    private static final long BATCH_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int TRANSACTION_TIMEOUT_MS = 30_000;

    /** No signal that an instance reads is larger. */
    private static final int REQUEST_BYTES_MAX = WalRecord.BYTES_MAX;

    /**
     * The rejections to replay; null or empty selects all.
     *
     * @param from time of the signal, inclusive
     * @param to time of the signal, exclusive
     * @param ends offsets in {@code quota-exceeded}, exclusive, by partition, as in a plan; null = the current ends
     */
    public record RejectionFilter(
            @Nullable TenantId tenant,
            Set<String> reasons,
            @Nullable Instant from,
            @Nullable Instant to,
            Set<SourcePosition> sources,
            @Nullable Map<Integer, Long> ends) {
        boolean has(Rejection rejection) {
            long timeMs = rejection.record.timestamp();
            return (tenant == null || tenant.equals(rejection.tenant))
                    && (reasons.isEmpty() || reasons.contains(rejection.reason))
                    && (from == null || timeMs >= from.toEpochMilli())
                    && (to == null || timeMs < to.toEpochMilli())
                    && (sources.isEmpty() || sources.contains(rejection.source));
        }
    }

    /** A record of {@code quota-exceeded}. */
    private record Rejection(
            ConsumerRecord<byte[], byte[]> record,
            @Nullable TenantId tenant,
            String reason,
            @Nullable SourcePosition source,
            int replays) {
        static Rejection of(ConsumerRecord<byte[], byte[]> record) {
            String tenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
            String reason = TidegateHeaders.text(record.headers(), TidegateHeaders.REASON);
            return new Rejection(
                    record,
                    tenant == null ? null : TenantId.tryParse(tenant),
                    reason == null ? ReplayReport.UNKNOWN : reason,
                    SourcePosition.in(record.headers()),
                    replays(TidegateHeaders.text(record.headers(), TidegateHeaders.REPLAYS)));
        }

        private static int replays(@Nullable String text) {
            try {
                return text == null ? 0 : Math.max(0, Integer.parseInt(text));
            } catch (NumberFormatException e) {
                return 0; // set by the producer
            }
        }

        /** Returns whether the signal was rejected because no tenant had the name that it uses. */
        boolean isOfUnknownName() {
            return tenant == null && source != null && reason.equals(Reason.TENANT_UNKNOWN.id());
        }

        Rejection ofTenant(@Nullable TenantId found) {
            return new Rejection(record, found, reason, source, replays);
        }

        Candidate candidate(Set<String> dropped) {
            return new Candidate(Objects.requireNonNull(source), record, producersHeaders(dropped), reason);
        }

        /** Returns the headers that the producer sent, without the dropped ones. */
        RecordHeaders producersHeaders(Set<String> dropped) {
            RecordHeaders headers = new RecordHeaders();
            for (Header header : record.headers()) {
                if (!header.key().startsWith(OWN_HEADERS) && !dropped.contains(header.key())) {
                    headers.add(header);
                }
            }
            return headers;
        }
    }

    private final Settings settings;
    private final String ledgerTopic;
    private final int replaysMax;
    private final Set<String> droppedHeaders;
    private final int pacePerSec;
    private final LongSupplier nowNanos;
    private final ReplayReport.Builder counts = new ReplayReport.Builder();
    private ReplayLedger ledger = new ReplayLedger(Map.of(), "");

    /**
     * Creates a replay that keeps all headers of the producer.
     *
     * @param replaysMax signals that were replayed this often are skipped
     * @param pacePerSec signals per second over all tenants
     */
    public Replay(Settings settings, int replaysMax, int pacePerSec) {
        this(settings, replaysMax, pacePerSec, Set.of());
    }

    /**
     * Creates a replay that drops some headers, such as one that makes a consumer skip the signal.
     *
     * @param droppedHeaders names of producer headers that are not sent again
     */
    public Replay(Settings settings, int replaysMax, int pacePerSec, Set<String> droppedHeaders) {
        this(settings, replaysMax, pacePerSec, droppedHeaders, System::nanoTime);
    }

    /** @param nowNanos for tests: the clock by which transactions and the loaded limits become old */
    Replay(Settings settings, int replaysMax, int pacePerSec, Set<String> droppedHeaders, LongSupplier nowNanos) {
        if (pacePerSec < 1 || pacePerSec > PACE_MAX) {
            throw new IllegalArgumentException(
                    "the pace is %d per second, it must be from 1 to %d".formatted(pacePerSec, PACE_MAX));
        }
        this.settings = settings;
        this.replaysMax = replaysMax;
        this.droppedHeaders = Set.copyOf(droppedHeaders);
        this.pacePerSec = pacePerSec;
        this.nowNanos = nowNanos;
        this.ledgerTopic = settings.replaysTopic();
    }

    /** Reports what {@link #run} would do; changes nothing. */
    public ReplayReport plan(RejectionFilter filter) {
        try (TopicReader reader = rejections()) {
            Map<TopicPartition, Long> ends = ends(reader, filter);
            readLedger(reader);
            ReplayLimits limits = new ReplayLimits(settings, filter.tenant(), nowNanos);
            read(reader, ends, filter, limits, (rejection, tenant, type) -> {
                counts.replayed(tenant, rejection.reason, limits.rate(tenant));
                return true;
            });
            return counts.report(ReplayReport.Ending.COMPLETE, ends, pacePerSec);
        }
    }

    /**
     * Sends the replayable ones of the rejections that exist now.
     *
     * @param within the time for finding and sending rejections, after the limits are loaded; null = until all are done
     * @param progress receives a line from time to time
     */
    public ReplayReport run(RejectionFilter filter, @Nullable Duration within, Consumer<String> progress) {
        try (TopicReader reader = rejections()) {
            Map<TopicPartition, Long> ends = ends(reader, filter);
            createLedger();
            try (KafkaProducer<byte[], byte[]> producer = producer()) {
                producer.initTransactions();
                // Read after fencing: no earlier replay is running, and its last transaction has ended.
                readLedger(reader);
                progress.accept("reading limits and usage");
                ReplayLimits limits = new ReplayLimits(settings, filter.tenant(), nowNanos);
                Batch batch = new Batch(producer, limits, within, progress);
                try {
                    boolean all = read(reader, ends, filter, limits, batch);
                    batch.commit();
                    return counts.report(
                            all ? ReplayReport.Ending.COMPLETE : ReplayReport.Ending.TIME_OVER, ends, pacePerSec);
                } catch (KafkaException e) {
                    if (!isTakenOver(e)) {
                        throw e;
                    }
                    return counts.report(ReplayReport.Ending.TAKEN_OVER, ends, pacePerSec);
                }
            }
        }
    }

    private KafkaProducer<byte[], byte[]> producer() {
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.applicationId() + "-replay");
        config.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, TRANSACTION_TIMEOUT_MS);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 5);
        config.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, REQUEST_BYTES_MAX);
        config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, (long) REQUEST_BYTES_MAX);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static boolean isTakenOver(KafkaException e) {
        return KafkaAnswers.isCausedBy(e, ProducerFencedException.class)
                || KafkaAnswers.isCausedBy(e, InvalidProducerEpochException.class);
    }

    private TopicReader rejections() {
        // The ledger of another application is elsewhere: its replays would be repeated.
        new TenantDirectory(settings).checkApplication();
        return new TopicReader(settings, List.of(settings.topics().quotaExceeded()));
    }

    /**
     * Returns the end offsets of the rejections that this replay covers; partitions that the filter does not name are omitted.
     */
    private static Map<TopicPartition, Long> ends(TopicReader reader, RejectionFilter filter) {
        Map<TopicPartition, Long> ends = new HashMap<>(reader.ends());
        Map<Integer, Long> chosen = filter.ends();
        if (chosen != null) {
            ends.replaceAll((partition, end) -> Math.min(end, chosen.getOrDefault(partition.partition(), 0L)));
        }
        return ends;
    }

    /**
     * Reads rejections up to their ends.
     *
     * @return false if it stopped before the ends
     */
    private boolean read(
            TopicReader reader,
            Map<TopicPartition, Long> ends,
            RejectionFilter filter,
            ReplayLimits limits,
            Recipient recipient) {
        if (filter.from() != null) {
            reader.skipTo(filter.from().toEpochMilli());
        }
        Progress progress = new Progress();
        BooleanSupplier shouldPoll = () -> {
            recipient.commitIfDue();
            return progress.all;
        };
        reader.readTo(ends, shouldPoll, record -> {
            recipient.commitIfDue();
            progress.all = progress.all && recipient.isInTime();
            if (progress.all) {
                refresh(limits, recipient);
                Rejection rejection = named(Rejection.of(record), limits);
                progress.all = !filter.has(rejection) || decide(rejection, limits, recipient);
            }
        });
        return progress.all;
    }

    /** Takes the replayable rejections. */
    @FunctionalInterface
    private interface Recipient {
        /** Returns whether there is time left for another rejection. */
        default boolean isInTime() {
            return true;
        }

        /**
         * Ends a transaction that has been open for long: consumers wait for it. Called before each rejection, whether it is
         * sent or not, and while there is none.
         */
        default void commitIfDue() {}

        /** Ends the open transaction. */
        default void commit() {}

        /**
         * Takes a rejected signal of a tenant, and of a type if it has one, and counts it. Returns false if there is no time
         * left for it.
         */
        boolean send(Rejection rejection, TenantId tenant, @Nullable String type);
    }

    /** Whether everything has been read so far. */
    private static final class Progress {
        private boolean all = true;
    }

    /** Loads old limits again. No transaction stays open meanwhile. */
    private static void refresh(ReplayLimits limits, Recipient recipient) {
        if (limits.areOld()) {
            recipient.commit();
            limits.reload();
        }
    }

    private boolean decide(Rejection rejection, ReplayLimits limits, Recipient recipient) {
        ConsumerRecord<byte[], byte[]> record = rejection.record;
        SourcePosition source = rejection.source;
        if (ledger.contains(record.partition(), record.offset())) {
            counts.add(rejection.tenant, rejection.reason, ReplayReport.Outcome.DONE);
        } else if (source == null
                || !settings.topics().signals().contains(source.topic())
                || (rejection.tenant == null && !rejection.isOfUnknownName())) {
            counts.add(rejection.tenant, rejection.reason, ReplayReport.Outcome.FOREIGN);
        } else if (rejection.replays >= replaysMax) {
            counts.add(rejection.tenant, rejection.reason, ReplayReport.Outcome.GIVEN_UP);
        } else {
            Verdict verdict = limits.judge().judge(rejection.candidate(droppedHeaders), System.currentTimeMillis());
            String still = verdict.stillRejected();
            if (still == null && verdict.tenant() != null) {
                return recipient.send(rejection, verdict.tenant(), verdict.type());
            }
            counts.hopeless(rejection.tenant, rejection.reason, still == null ? ReplayReport.UNKNOWN : still);
        }
        return true;
    }

    /** Attributes a signal that was rejected for an unknown name to the tenant that has the name now. */
    private Rejection named(Rejection rejection, ReplayLimits limits) {
        return rejection.isOfUnknownName()
                ? rejection.ofTenant(limits.judge().tenant(rejection.candidate(droppedHeaders)))
                : rejection;
    }

    private void createLedger() {
        short replication = settings.replicationFactor();
        NewTopic topic = new NewTopic(
                        ledgerTopic, Optional.of(1), replication < 0 ? Optional.empty() : Optional.of(replication))
                .configs(Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, "compact"));
        try (Admin admin = Admin.create(settings.clientConfig())) {
            admin.createTopics(List.of(topic)).all().get();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw new AdminException(
                        "creating the topic %s failed: %s"
                                .formatted(ledgerTopic, e.getCause().getMessage()),
                        e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("creating a topic was interrupted", e);
        }
    }

    private void readLedger(TopicReader rejections) {
        Map<Integer, Long> firstOffsets = new HashMap<>();
        rejections.beginnings().forEach((partition, first) -> firstOffsets.put(partition.partition(), first));
        ReplayLedger read = new ReplayLedger(firstOffsets, rejectionsTopicId());
        try (TopicReader reader = new TopicReader(settings, List.of(ledgerTopic))) {
            reader.readToEnd(record -> read.add(record.key(), record.value()));
        } catch (MissingTopicException e) {
            // The topic does not exist before the first replay.
        }
        ledger = read;
    }

    private String rejectionsTopicId() {
        String topic = settings.topics().quotaExceeded();
        try (Admin admin = Admin.create(settings.clientConfig())) {
            return KafkaAnswers.get(admin.describeTopics(List.of(topic)).allTopicNames(), "describing " + topic)
                    .get(topic)
                    .topicId()
                    .toString();
        }
    }

    /** Sends at the pace, and commits many signals at once. */
    private final class Batch implements Recipient {
        private final KafkaProducer<byte[], byte[]> producer;
        private final ReplayLimits limits;
        private final Consumer<String> progress;
        private final @Nullable Duration within;
        private final long startedNanos = nowNanos.getAsLong();
        private final ReplayPace pace = new ReplayPace(pacePerSec);

        /** Sent in the open transaction, which is not committed yet. */
        private final List<SentSignal> uncommitted = new ArrayList<>();

        private long begunNanos;
        private long sent;

        /** An entry that is counted when its transaction commits. */
        private record SentSignal(TenantId tenant, String reason) {}

        Batch(
                KafkaProducer<byte[], byte[]> producer,
                ReplayLimits limits,
                @Nullable Duration within,
                Consumer<String> progress) {
            this.producer = producer;
            this.limits = limits;
            this.within = within;
            this.progress = progress;
        }

        @Override
        public boolean isInTime() {
            return isInTime(nowNanos.getAsLong());
        }

        private boolean isInTime(long nanos) {
            return within == null || nanos - startedNanos <= within.toNanos();
        }

        /** Sends the rejection when the pace allows it. Returns false if that would be too late. */
        @Override
        public boolean send(Rejection rejection, TenantId tenant, @Nullable String type) {
            long due = pace.due(tenant, nowNanos.getAsLong());
            if (!isInTime(due)) {
                return false;
            }
            if (due - nowNanos.getAsLong() > BATCH_NANOS / 2) {
                commit(); // do not delay the signals sent so far
            }
            pause(due - nowNanos.getAsLong());
            if (uncommitted.isEmpty()) {
                producer.beginTransaction();
                begunNanos = nowNanos.getAsLong();
            }
            byte[] value = rejection.record.value();
            pace.sent(
                    tenant,
                    limits.rate(tenant, type),
                    value == null ? 0 : value.length,
                    limits.byteRate(tenant),
                    Math.max(due, nowNanos.getAsLong()));
            // A failed send makes the commit fail, and the commit is waited for.
            var unusedSignal = producer.send(resent(rejection));
            var unusedLedger = producer.send(new ProducerRecord<>(
                    ledgerTopic,
                    ReplayLedger.key(rejection.record.partition(), rejection.record.offset()),
                    ledger.value()));
            uncommitted.add(new SentSignal(tenant, rejection.reason));
            if (uncommitted.size() >= BATCH_RECORDS) {
                commit();
            }
            return true;
        }

        @Override
        public void commitIfDue() {
            if (!uncommitted.isEmpty() && nowNanos.getAsLong() - begunNanos > BATCH_NANOS) {
                commit();
            }
        }

        @Override
        public void commit() {
            if (!uncommitted.isEmpty()) {
                producer.commitTransaction();
                sent += uncommitted.size();
                uncommitted.forEach(one -> counts.replayed(one.tenant, one.reason, limits.rate(one.tenant)));
                uncommitted.clear();
                progress.accept("%d replayed".formatted(sent));
            }
        }

        private void pause(long nanos) {
            if (nanos > 0) {
                try {
                    TimeUnit.NANOSECONDS.sleep(nanos);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new AdminException("replaying was interrupted", e);
                }
            }
        }
    }

    /**
     * Returns the signal as its producer sent it, without the dropped headers, for its original partition, with the replay
     * count.
     */
    private ProducerRecord<byte[], byte[]> resent(Rejection rejection) {
        SourcePosition source = rejection.source;
        if (source == null) {
            throw new IllegalStateException("a rejection without a source position cannot be sent again");
        }
        RecordHeaders headers = rejection.producersHeaders(droppedHeaders);
        headers.add(
                TidegateHeaders.REPLAYS, Integer.toString(rejection.replays + 1).getBytes(StandardCharsets.UTF_8));
        return new ProducerRecord<>(
                source.topic(), source.partition(), rejection.record.key(), rejection.record.value(), headers);
    }
}
