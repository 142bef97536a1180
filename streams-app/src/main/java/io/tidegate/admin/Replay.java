package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.SourcePosition;
import io.tidegate.topology.TidegateHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Sends refused signals again to where they were read, each refusal once.
 *
 * <p>What was replayed stands in a ledger, the compacted topic {@code <application.id>-replays}: one record for each
 * refusal, written in the transaction that sends the signal. So a run that is killed sends nothing twice when it is
 * started again, also not with another choice of refusals; a place in a consumer group could not remember that. Two runs
 * at once have one transactional id: the later one ends the earlier, and reads the ledger after that.
 *
 * <p>A tenant's signals are sent at half its rate, so that they pass beside new ones. Not thread-safe; for one call of
 * {@link #plan} or {@link #run}.
 */
public final class Replay {
    /** How often a signal may be sent again, unless said otherwise. */
    public static final int REPLAYS_MAX_DEFAULT = 3;

    /** For tenants without a rate. */
    private static final long UNLIMITED_PER_SEC = 2_000;

    /** How the names of all headers begin that Tidegate writes. */
    private static final String OWN_HEADERS = "tidegate.";

    private static final int BATCH_RECORDS = 200;
    private static final long BATCH_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int TRANSACTION_TIMEOUT_MS = 30_000;

    /**
     * Which refusals; null or empty is all.
     *
     * @param from time of the signal, inclusive
     * @param to time of the signal, exclusive
     */
    public record Choice(
            @Nullable TenantId tenant,
            Set<String> reasons,
            @Nullable Instant from,
            @Nullable Instant to,
            Set<SourcePosition> sources) {
        boolean has(Refusal refusal) {
            long timeMs = refusal.record.timestamp();
            return (tenant == null || tenant.equals(refusal.tenant))
                    && (reasons.isEmpty() || reasons.contains(refusal.reason))
                    && (from == null || timeMs >= from.toEpochMilli())
                    && (to == null || timeMs < to.toEpochMilli())
                    && (sources.isEmpty() || sources.contains(refusal.source));
        }
    }

    /** What becomes of a chosen refusal. */
    public enum Fate {
        /** It is sent again. */
        REPLAYED,
        /** It was sent again before. */
        DONE,
        /** It was sent again as often as is allowed. */
        GIVEN_UP,
        /** Its tenant would be refused again: unknown, blocked, or with a rate of 0. */
        HOPELESS,
        /** It did not come from an ingress topic of this application. */
        FOREIGN;

        /** Such as {@code given_up}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why a run ended. What it sent stays sent; the next one goes on there. */
    public enum Ending {
        /** All refusals that were there were looked at. */
        COMPLETE,
        /** Its time was over before that. */
        TIME_OVER,
        /** Another run began. */
        TAKEN_OVER;

        /** Such as {@code complete}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * What was or would be done with the refusals that were looked at.
     *
     * @param fates by tenant and reason
     * @param seconds how long the sending takes at the tenants' rates
     */
    public record Report(Ending ending, Map<String, Map<Fate, Long>> fates, long seconds) {
        public long count(Fate fate) {
            return fates.values().stream()
                    .mapToLong(of -> of.getOrDefault(fate, 0L))
                    .sum();
        }
    }

    /** A record of the topic of refusals. */
    private record Refusal(
            ConsumerRecord<byte[], byte[]> record,
            @Nullable TenantId tenant,
            String reason,
            @Nullable SourcePosition source,
            int replays) {
        static Refusal of(ConsumerRecord<byte[], byte[]> record) {
            String tenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
            String reason = TidegateHeaders.text(record.headers(), TidegateHeaders.REASON);
            return new Refusal(
                    record,
                    tenant == null ? null : TenantId.tryParse(tenant),
                    reason == null ? "?" : reason,
                    SourcePosition.in(record.headers()),
                    replays(TidegateHeaders.text(record.headers(), TidegateHeaders.REPLAYS)));
        }

        private static int replays(@Nullable String text) {
            try {
                return text == null ? 0 : Math.max(0, Integer.parseInt(text));
            } catch (NumberFormatException e) {
                return 0; // a producer's own
            }
        }
    }

    private final Settings settings;
    private final String ledger;
    private final int replaysMax;
    private final TenantDirectory directory;
    private final Map<TenantId, TenantDirectory.Stored> configs;
    private final Map<Integer, BitSet> done = new HashMap<>();
    private final Map<TenantId, Long> nextNanos = new HashMap<>();
    private final Map<TenantId, Long> counts = new HashMap<>();
    private final Map<String, Map<Fate, Long>> fates = new TreeMap<>();

    /** @param replaysMax signals that were sent again so often are left */
    public Replay(Settings settings, int replaysMax) {
        this.settings = settings;
        this.replaysMax = replaysMax;
        this.ledger = settings.applicationId() + "-replays";
        this.directory = new TenantDirectory(settings);
        this.configs = directory.configs();
    }

    /** Says what {@link #run} would do; changes nothing. */
    public Report plan(Choice choice) {
        readLedger();
        read(choice, () -> true, refusal -> {
            count(refusal, Fate.REPLAYED);
            return true;
        });
        return report(Ending.COMPLETE);
    }

    /**
     * Sends what can be sent again of the refusals that are there now.
     *
     * @param within how long to look for refusals and to send them; null = until all are done
     * @param progress told now and then what was done
     */
    public Report run(Choice choice, @Nullable Duration within, Consumer<String> progress) {
        createLedger();
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.applicationId() + "-replay");
        config.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, TRANSACTION_TIMEOUT_MS);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 5);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            // Only now: whoever replayed before is fenced off, and its last transaction is over.
            readLedger();
            Batch batch = new Batch(producer, within, progress);
            try {
                boolean all = read(choice, batch::goesOn, batch::send);
                batch.commit();
                return report(all ? Ending.COMPLETE : Ending.TIME_OVER);
            } catch (KafkaException e) {
                if (!isTakenOver(e)) {
                    throw e;
                }
                return report(Ending.TAKEN_OVER);
            }
        }
    }

    private static boolean isTakenOver(KafkaException e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException) {
                return true;
            }
        }
        return false;
    }

    /**
     * Reads refusals up to where the topic ends now.
     *
     * @param goesOn asked before each
     * @param send takes and counts what can be sent; false where there is no time for this one
     * @return false where it ended before that
     */
    private boolean read(Choice choice, BooleanSupplier goesOn, Predicate<Refusal> send) {
        boolean[] all = {true};
        try (TopicReader reader =
                new TopicReader(settings, List.of(settings.topics().quotaExceeded()))) {
            reader.readTo(reader.ends(), () -> all[0], record -> {
                all[0] = all[0] && goesOn.getAsBoolean();
                if (all[0]) {
                    Refusal refusal = Refusal.of(record);
                    all[0] = !choice.has(refusal) || decide(refusal, send);
                }
            });
        }
        return all[0];
    }

    private boolean decide(Refusal refusal, Predicate<Refusal> send) {
        Fate fate = fate(refusal);
        if (fate == Fate.REPLAYED) {
            return send.test(refusal);
        }
        count(refusal, fate);
        return true;
    }

    private void count(Refusal refusal, Fate fate) {
        fates.computeIfAbsent(
                        (refusal.tenant == null ? "?" : refusal.tenant.decimal()) + " " + refusal.reason,
                        key -> new TreeMap<>())
                .merge(fate, 1L, Long::sum);
        if (fate == Fate.REPLAYED && refusal.tenant != null) {
            counts.merge(refusal.tenant, 1L, Long::sum);
        }
    }

    private Fate fate(Refusal refusal) {
        BitSet known = done.get(refusal.record.partition());
        if (known != null && known.get(Math.toIntExact(refusal.record.offset()))) {
            return Fate.DONE;
        }
        if (refusal.source == null
                || !settings.topics().signals().contains(refusal.source.topic())
                || refusal.tenant == null) {
            return Fate.FOREIGN;
        }
        if (refusal.replays >= replaysMax) {
            return Fate.GIVEN_UP;
        }
        TenantConfig config = directory.inForce(configs, refusal.tenant);
        boolean hopeless = config == null
                || Long.valueOf(0).equals(config.maxSignalsPerSec())
                || (config.blockedUntil() != null && Instant.now().isBefore(config.blockedUntil()));
        return hopeless ? Fate.HOPELESS : Fate.REPLAYED;
    }

    private long perSec(TenantId tenant) {
        TenantConfig config = directory.inForce(configs, tenant);
        Long rate = config == null ? null : config.maxSignalsPerSec();
        return rate == null ? UNLIMITED_PER_SEC : Math.max(1, rate / 2);
    }

    private Report report(Ending ending) {
        long seconds = 0;
        for (Map.Entry<TenantId, Long> count : counts.entrySet()) {
            seconds = Math.max(seconds, count.getValue() / perSec(count.getKey()));
        }
        return new Report(ending, fates, seconds);
    }

    private void createLedger() {
        short replication = settings.replicationFactor();
        NewTopic topic = new NewTopic(
                        ledger, Optional.of(1), replication < 0 ? Optional.empty() : Optional.of(replication))
                .configs(Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, "compact"));
        try (Admin admin = Admin.create(settings.clientConfig())) {
            admin.createTopics(List.of(topic)).all().get();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw new AdminException(
                        "creating the topic %s failed: %s"
                                .formatted(ledger, e.getCause().getMessage()),
                        e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("creating a topic was interrupted", e);
        }
    }

    private void readLedger() {
        try (TopicReader reader = new TopicReader(settings, List.of(ledger))) {
            reader.readToEnd(record -> {
                String[] key = new String(record.key(), StandardCharsets.UTF_8).split("/", -1);
                done.computeIfAbsent(Integer.valueOf(key[0]), partition -> new BitSet())
                        .set(Integer.parseInt(key[1]));
            });
        } catch (AdminException e) {
            if (e.getCause() != null) {
                throw e;
            }
            // There is none before the first replay.
        }
    }

    /** Sends paced, and commits many at once. */
    private final class Batch {
        private final KafkaProducer<byte[], byte[]> producer;
        private final Consumer<String> progress;
        private final @Nullable Duration within;
        private final long startedNanos = System.nanoTime();
        /** What is not committed is not sent. */
        private final List<Refusal> uncommitted = new ArrayList<>();

        private long begunNanos;
        private long sent;

        Batch(KafkaProducer<byte[], byte[]> producer, @Nullable Duration within, Consumer<String> progress) {
            this.producer = producer;
            this.within = within;
            this.progress = progress;
        }

        boolean goesOn() {
            return isInTime(System.nanoTime());
        }

        private boolean isInTime(long nanos) {
            return within == null || nanos - startedNanos <= within.toNanos();
        }

        /** Sends when the tenant's rate lets it; false where that is too late. */
        boolean send(Refusal refusal) {
            long due = nextNanos.getOrDefault(refusal.tenant, System.nanoTime());
            if (!isInTime(due)) {
                return false;
            }
            if (due - System.nanoTime() > BATCH_NANOS / 2) {
                commit(); // what was sent must not wait as long
            }
            pause(due - System.nanoTime());
            if (uncommitted.isEmpty()) {
                producer.beginTransaction();
                begunNanos = System.nanoTime();
            }
            nextNanos.put(
                    refusal.tenant,
                    Math.max(due, System.nanoTime()) + TimeUnit.SECONDS.toNanos(1) / perSec(refusal.tenant));
            // A send that fails makes the commit fail, and that is waited for.
            var unusedSignal = producer.send(again(refusal));
            String position = refusal.record.partition() + "/" + refusal.record.offset();
            var unusedLedger = producer.send(new ProducerRecord<>(
                    ledger, position.getBytes(StandardCharsets.UTF_8), "1".getBytes(StandardCharsets.UTF_8)));
            uncommitted.add(refusal);
            if (uncommitted.size() >= BATCH_RECORDS || System.nanoTime() - begunNanos > BATCH_NANOS) {
                commit();
            }
            return true;
        }

        void commit() {
            if (!uncommitted.isEmpty()) {
                producer.commitTransaction();
                sent += uncommitted.size();
                uncommitted.forEach(refusal -> count(refusal, Fate.REPLAYED));
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

    /** The signal as its producer sent it, to the partition that it was read from, with the count of replays. */
    private static ProducerRecord<byte[], byte[]> again(Refusal refusal) {
        SourcePosition source = refusal.source;
        if (source == null) {
            throw new IllegalStateException("a refusal without a source has no place to go to");
        }
        List<Header> headers = new ArrayList<>();
        for (Header header : refusal.record.headers()) {
            if (!header.key().startsWith(OWN_HEADERS)) {
                headers.add(header);
            }
        }
        ProducerRecord<byte[], byte[]> again = new ProducerRecord<>(
                source.topic(), source.partition(), refusal.record.key(), refusal.record.value(), headers);
        again.headers()
                .add(
                        TidegateHeaders.REPLAYS,
                        Integer.toString(refusal.replays + 1).getBytes(StandardCharsets.UTF_8));
        return again;
    }
}
