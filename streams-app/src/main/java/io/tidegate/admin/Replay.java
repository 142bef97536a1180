package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.SourcePosition;
import io.tidegate.topology.TidegateHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.TopicConfig;
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
 * <p>A tenant's signals are sent at half its rate, so that they pass beside new ones. Not thread-safe.
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
        FOREIGN
    }

    /**
     * What was or would be done.
     *
     * @param fates by tenant and reason
     * @param seconds how long the sending takes at the tenants' rates
     */
    public record Report(Map<String, Map<Fate, Long>> fates, long seconds) {
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
        this.configs = new TenantDirectory(settings).configs();
    }

    /** Says what {@link #run} would do; changes nothing. */
    public Report plan(Choice choice) {
        readLedger();
        read(choice, refusal -> {});
        return report();
    }

    /**
     * Sends what can be sent again of the refusals that are there now.
     *
     * @param progress told now and then what was done
     */
    public Report run(Choice choice, Consumer<String> progress) {
        createLedger();
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.applicationId() + "-replay");
        config.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, TRANSACTION_TIMEOUT_MS);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 5);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            // Only now: whoever replayed before is fenced off, and its last transaction is over.
            readLedger();
            Batch batch = new Batch(producer, progress);
            read(choice, batch::send);
            batch.commit();
        }
        return report();
    }

    private void read(Choice choice, Consumer<Refusal> send) {
        try (TopicReader reader =
                new TopicReader(settings, List.of(settings.topics().quotaExceeded()))) {
            reader.readToEnd(record -> {
                Refusal refusal = Refusal.of(record);
                if (!choice.has(refusal)) {
                    return;
                }
                Fate fate = fate(refusal);
                fates.computeIfAbsent(
                                (refusal.tenant == null ? "?" : refusal.tenant.decimal()) + " " + refusal.reason,
                                key -> new TreeMap<>())
                        .merge(fate, 1L, Long::sum);
                if (fate == Fate.REPLAYED && refusal.tenant != null) {
                    counts.merge(refusal.tenant, 1L, Long::sum);
                    send.accept(refusal);
                }
            });
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
        TenantConfig config = config(refusal.tenant);
        boolean hopeless = config == null
                || Long.valueOf(0).equals(config.maxSignalsPerSec())
                || (config.blockedUntil() != null && Instant.now().isBefore(config.blockedUntil()));
        return hopeless ? Fate.HOPELESS : Fate.REPLAYED;
    }

    private @Nullable TenantConfig config(TenantId tenant) {
        TenantDirectory.Stored stored = configs.get(tenant);
        if (stored != null) {
            return stored.config();
        }
        boolean known = tenant.isDefault()
                || settings.unknownTenants() == io.tidegate.topology.TenantConfigs.Unknown.DEFAULT_CONFIG;
        if (!known) {
            return null;
        }
        TenantDirectory.Stored fallback = configs.get(TenantId.DEFAULT);
        return fallback == null ? TenantConfig.defaultTenant() : fallback.config();
    }

    private long perSec(TenantId tenant) {
        TenantConfig config = config(tenant);
        Long rate = config == null ? null : config.maxSignalsPerSec();
        return rate == null ? UNLIMITED_PER_SEC : Math.max(1, rate / 2);
    }

    private Report report() {
        long seconds = 0;
        for (Map.Entry<TenantId, Long> count : counts.entrySet()) {
            seconds = Math.max(seconds, count.getValue() / perSec(count.getKey()));
        }
        return new Report(fates, seconds);
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
        private int records;
        private long begunNanos;
        private long sent;

        Batch(KafkaProducer<byte[], byte[]> producer, Consumer<String> progress) {
            this.producer = producer;
            this.progress = progress;
        }

        void send(Refusal refusal) {
            long due = nextNanos.getOrDefault(refusal.tenant, System.nanoTime());
            if (due - System.nanoTime() > BATCH_NANOS / 2) {
                commit(); // what was sent must not wait as long
            }
            pause(due - System.nanoTime());
            if (records == 0) {
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
            records++;
            sent++;
            if (records >= BATCH_RECORDS || System.nanoTime() - begunNanos > BATCH_NANOS) {
                commit();
            }
        }

        void commit() {
            if (records > 0) {
                producer.commitTransaction();
                records = 0;
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
