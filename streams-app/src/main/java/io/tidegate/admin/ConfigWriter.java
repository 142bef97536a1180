package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Changes tenants' configs and plans, one writer at a time in the whole cluster: an edit replaces exactly the record that it
 * was applied to.
 *
 * <p>All writers, in every instance and every command, share one transactional id. A writer first takes the id, which fences
 * the previous writer; then it reads {@code tenant-configs} to its end; then it applies the edit and writes in a transaction.
 * If the transaction commits, no other writer has started since, so nothing was written between its read and its write. A
 * fenced writer reads and applies its edit again. A writer may keep the id between changes.
 *
 * <p>Thread-safe; one change at a time.
 */
public final class ConfigWriter implements AutoCloseable {
    private static final Duration READ_WITHIN = Duration.ofSeconds(30);
    private static final Duration RETRY_FOR = Duration.ofSeconds(50);
    private static final Duration SILENT_FOR = Duration.ofSeconds(25);
    private static final Duration TURN_WITHIN = Duration.ofSeconds(20);
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration CLOSE_WITHIN = Duration.ofSeconds(2);
    private static final int WRITE_WITHIN_MS = 20_000;
    private static final int TRANSACTION_MS = 60_000;
    private static final int ATTEMPTS_MAX = 20;
    private static final int BACKOFF_MS_MAX = 100;
    private static final int VISIBLE_POLL_MS = 5;

    /** The number of records that are looked up individually; for more, the whole topic is read again. */
    private static final int LOOKUPS_MAX = 32;

    /** The offset of a tenant without a record. */
    public static final long NO_OFFSET = -1;

    /**
     * The newest record of a tenant or a plan.
     *
     * @param config the tenant's config or the plan's fields; null if there is no record, or it removes the config, or it is
     *     unreadable
     * @param offset the record's offset; {@link #NO_OFFSET} if there is none
     * @param readable false if the record does not match its key
     * @param history the changes that led to it
     */
    public record Current(@Nullable TenantConfig config, long offset, boolean readable, ConfigHistory history) {
        static final Current NONE = new Current(null, NO_OFFSET, true, ConfigHistory.NONE);
    }

    /** The outcome of a change. */
    public sealed interface Outcome {}

    /**
     * The topic contains the result of the edit.
     *
     * @param config null if the tenant has none
     * @param offset the offset of the record in force
     * @param before the state that the edit was applied to
     */
    public record Written(@Nullable TenantConfig config, long offset, ConfigEdit.Before before) implements Outcome {}

    /** The edit rejected the change; nothing was written. */
    public record Rejected(ConfigEdit.Rejection rejection) implements Outcome {}

    private final Settings settings;
    private final String topic;
    private final Duration turnWithin;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<ConfigKey, Long> offsets = new HashMap<>();

    /** Tenants whose newest record is not a deletion. */
    private final Set<TenantId> configured = new HashSet<>();

    private final ConfigRules rules = new ConfigRules();

    /**
     * The default tenant's newest record. Every edit receives it, and a look-up for each would let other writers fence this
     * one.
     */
    private Current ofDefault = Current.NONE;

    /**
     * The outcomes of a commit that began and did not complete. Whether it happened is decided by whether its first record can
     * be read.
     */
    private @Nullable Map<ConfigKey, Outcome> inDoubt;

    private long inDoubtOffset = NO_OFFSET;

    /** The offset after the last record that this writer wrote. */
    private long writtenTo;

    private boolean inDoubtSeen;
    private @Nullable KafkaConsumer<byte[], byte[]> consumer;
    private @Nullable KafkaProducer<byte[], byte[]> producer;

    public ConfigWriter(Settings settings) {
        this(settings, TURN_WITHIN);
    }

    /** @param turnWithin the longest time that a change waits for those before it */
    public ConfigWriter(Settings settings, Duration turnWithin) {
        this.settings = settings;
        this.turnWithin = turnWithin;
        topic = settings.topics().configs();
    }

    /**
     * Returns the id that all writers of the topic share; taking it fences the previous one. It follows from the topic alone,
     * because applications of several regions share the topic.
     */
    static String transactionalId(Settings settings) {
        return settings.topics().configs() + "-writer";
    }

    /** Changes one tenant's config; returns when the change is in the topic. */
    public Outcome change(TenantId tenant, String by, ConfigEdit edit) {
        return change(ConfigKey.of(tenant), by, edit);
    }

    /** Changes one tenant's config or one plan; returns when the change is in the topic. */
    public Outcome change(ConfigKey key, String by, ConfigEdit edit) {
        return changeAll(Map.of(key, edit), by).get(key);
    }

    /**
     * Makes many changes atomically: none if an edit rejects its change or the broker does not answer.
     *
     * @param by the author, for the history
     * @return the outcome of each change; only the rejected ones if there are any
     */
    public Map<ConfigKey, Outcome> changeAll(Map<ConfigKey, ConfigEdit> edits, String by) {
        return exclusively(() -> changeAllNow(edits, by));
    }

    /** Waits for the other changes of this instance, but not as long as Kafka may need to answer them. */
    private <T> T exclusively(Supplier<T> work) {
        try {
            if (!lock.tryLock(turnWithin.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AdminException(
                        "nothing was changed: the change of %s on %s before this one has not completed for %d s"
                                .formatted(topic, settings.bootstrapServers(), turnWithin.toSeconds()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("waiting for another change was interrupted", e);
        }
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    private Map<ConfigKey, Outcome> changeAllNow(Map<ConfigKey, ConfigEdit> edits, String by) {
        long begunNanos = System.nanoTime();
        long deadline = begunNanos + RETRY_FOR.toNanos();
        for (int attempt = 1; ; attempt++) {
            try {
                if (attempt > 1) {
                    backOff(attempt);
                }
                Map<ConfigKey, Current> found = new HashMap<>();
                deadline += catchUp(edits.keySet(), found);
                return attempt(edits, found, by);
            } catch (InterruptException e) {
                closeClients();
                throw new AdminException("writing was interrupted", e);
            } catch (KafkaException e) {
                closeProducer();
                // A second attempt would end after the time that a request over HTTP may take.
                boolean isSilent =
                        e instanceof TimeoutException && System.nanoTime() - begunNanos > SILENT_FOR.toNanos();
                boolean hopeless =
                        isSilent || e instanceof AuthorizationException || e instanceof AuthenticationException;
                if (hopeless || attempt == ATTEMPTS_MAX || System.nanoTime() > deadline) {
                    String outcome = inDoubt == null ? "failed" : "failed, and may or may not have happened";
                    closeClients();
                    throw new AdminException(
                            "writing to %s on %s %s: %s"
                                    .formatted(topic, settings.bootstrapServers(), outcome, e.getMessage()),
                            e);
                }
                // Usually fenced, which brokers report in several ways. The next attempt reads the outcome of a commit
                // in doubt.
            }
        }
    }

    /** Returns a tenant's newest record. */
    public Current current(TenantId tenant) {
        return current(ConfigKey.of(tenant));
    }

    /** Returns the newest record of a tenant or a plan. */
    public Current current(ConfigKey key) {
        return exclusively(() -> currentNow(key));
    }

    private Current currentNow(ConfigKey key) {
        try {
            return currentRecords(Set.of(key), new HashMap<>()).getOrDefault(key, Current.NONE);
        } catch (KafkaException e) {
            closeClients();
            throw new AdminException(
                    "reading %s from %s failed: %s".formatted(topic, settings.bootstrapServers(), e.getMessage()), e);
        }
    }

    /**
     * Reads to the end. Done before the writer takes the id: the first read of a large topic takes long, and another writer
     * would fence this one meanwhile.
     *
     * @param found receives the records of the wanted keys that were read
     * @return the time that it took, in ns
     */
    private long catchUp(Set<ConfigKey> wanted, Map<ConfigKey, Current> found) {
        long begun = System.nanoTime();
        readToEnd(reading(), wanted, found);
        return System.nanoTime() - begun;
    }

    /** @param found the records of {@link #catchUp} */
    private Map<ConfigKey, Outcome> attempt(
            Map<ConfigKey, ConfigEdit> edits, Map<ConfigKey, Current> found, String by) {
        KafkaProducer<byte[], byte[]> writing = fencingProducer();
        Map<ConfigKey, Current> currentRecords = currentRecords(edits.keySet(), found);
        if (inDoubt != null && inDoubtSeen) {
            // The failed commit did happen: its records are among the committed ones.
            Map<ConfigKey, Outcome> happened = inDoubt;
            inDoubt = null;
            return happened;
        }
        inDoubt = null;
        Map<ConfigKey, Outcome> results = new TreeMap<>();
        Map<ConfigKey, Outcome> rejected = new TreeMap<>();
        Map<ConfigKey, Written> changed = new TreeMap<>();
        Map<String, TenantConfig> existing = rules.plans().plans();
        for (Map.Entry<ConfigKey, ConfigEdit> edit : new TreeMap<>(edits).entrySet()) {
            ConfigEdit.Before before = before(edit.getKey(), currentRecords, existing);
            ConfigEdit.Result result = edit.getValue().apply(before);
            if (result instanceof ConfigEdit.Reject reject) {
                rejected.put(edit.getKey(), new Rejected(reject.rejection()));
            } else if (result instanceof ConfigEdit.Keep) {
                results.put(
                        edit.getKey(),
                        new Written(before.current().config(), before.current().offset(), before));
            } else {
                put(results, changed, before, result instanceof ConfigEdit.Write write ? write.config() : null);
            }
        }
        Map<ConfigKey, @Nullable TenantConfig> wanted = new TreeMap<>();
        changed.forEach((key, change) -> wanted.put(key, change.config()));
        rules.violations(wanted).forEach((key, rejection) -> rejected.putIfAbsent(key, new Rejected(rejection)));
        return rejected.isEmpty() ? write(writing, results, changed, by) : rejected;
    }

    private ConfigEdit.Before before(
            ConfigKey key, Map<ConfigKey, Current> currentRecords, Map<String, TenantConfig> existing) {
        TenantId tenant = key instanceof ConfigKey.OfTenant one ? one.tenant() : null;
        int own = tenant != null && configured.contains(tenant) ? 1 : 0;
        int alsoDefault = (tenant == null || !tenant.isDefault()) && configured.contains(TenantId.DEFAULT) ? 1 : 0;
        return new ConfigEdit.Before(
                key,
                currentRecords.getOrDefault(key, Current.NONE),
                ofDefault,
                configured.size() > own + alsoDefault,
                existing,
                key instanceof ConfigKey.OfPlan plan ? rules.plans().users(plan.name()) : 0);
    }

    private static void put(
            Map<ConfigKey, Outcome> results,
            Map<ConfigKey, Written> changed,
            ConfigEdit.Before before,
            @Nullable TenantConfig config) {
        Current current = before.current();
        Written written = new Written(config, current.offset(), before);
        if (current.readable() && Objects.equals(config, current.config())) {
            results.put(before.key(), written);
        } else {
            changed.put(before.key(), written);
        }
    }

    private Map<ConfigKey, Outcome> write(
            KafkaProducer<byte[], byte[]> writing,
            Map<ConfigKey, Outcome> results,
            Map<ConfigKey, Written> changed,
            String by) {
        if (changed.isEmpty()) {
            return results;
        }
        List<Written> ordered = WriteOrder.of(
                changed.values(),
                change -> new WriteOrder.Step(
                        change.before().key(), change.before().current().config(), change.config()));
        long[] written = write(
                writing,
                ordered.stream()
                        .map(change ->
                                record(change.before().key(), change.before().current(), change.config(), by))
                        .toList());
        int i = 0;
        for (Written one : ordered) {
            results.put(one.before().key(), new Written(one.config(), written[i++], one.before()));
        }
        inDoubt = results;
        inDoubtOffset = written[0];
        inDoubtSeen = false;
        writing.commitTransaction();
        inDoubt = null;
        writtenTo = written[written.length - 1] + 1;
        awaitVisible();
        return results;
    }

    private ProducerRecord<byte[], byte[]> record(
            ConfigKey key, Current current, @Nullable TenantConfig config, String by) {
        byte[] value = config == null ? null : StoredConfig.write(key, config);
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, 0, key.bytes(), value);
        current.history()
                .with(new ConfigHistory.Change(
                        Instant.now().truncatedTo(ChronoUnit.MILLIS), by, current.config(), config, NO_OFFSET))
                .addTo(record.headers());
        return record;
    }

    /**
     * Waits until the next reader, here or on another instance, sees the commit: it is acknowledged before readers of committed
     * records see it.
     */
    private void awaitVisible() {
        TopicPartition partition = new TopicPartition(topic, 0);
        long deadline = System.nanoTime() + READ_WITHIN.toNanos();
        try {
            while (committedEnd(reading(), partition) < writtenTo && System.nanoTime() < deadline) {
                pause(VISIBLE_POLL_MS);
            }
        } catch (TimeoutException e) {
            // It is written all the same, and must not be written twice.
        }
    }

    private static long committedEnd(KafkaConsumer<byte[], byte[]> reading, TopicPartition partition) {
        return reading.endOffsets(List.of(partition), READ_WITHIN).get(partition);
    }

    /** Returns the offsets in the order of the records; they are not committed yet. */
    private static long[] write(KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records) {
        producer.beginTransaction();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        records.forEach(record -> sent.add(producer.send(record)));
        producer.flush();
        long[] written = new long[records.size()];
        for (int i = 0; i < written.length; i++) {
            try {
                written[i] = sent.get(i).get().offset();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof KafkaException kafka ? kafka : new KafkaException(e.getCause());
            } catch (InterruptedException e) {
                throw new InterruptException(e);
            }
        }
        return written;
    }

    /** Returns the producer that has the transactional id, or had it last. */
    private KafkaProducer<byte[], byte[]> fencingProducer() {
        if (producer != null) {
            return producer;
        }
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId(settings));
        config.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, TRANSACTION_MS);
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        config.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, WRITE_WITHIN_MS);
        config.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, WRITE_WITHIN_MS);
        config.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, WRITE_WITHIN_MS / 3);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        KafkaProducer<byte[], byte[]> opened =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        try {
            opened.initTransactions();
        } catch (RuntimeException e) {
            opened.close(CLOSE_WITHIN);
            throw e;
        }
        producer = opened;
        return opened;
    }

    /**
     * Reads to the end, and returns the newest records of some keys; keys without a record are absent.
     *
     * @param found the newest ones among the records read so far, as far as they are known; completed and returned
     */
    private Map<ConfigKey, Current> currentRecords(Set<ConfigKey> wanted, Map<ConfigKey, Current> found) {
        KafkaConsumer<byte[], byte[]> reading = reading();
        readToEnd(reading, wanted, found);
        List<ConfigKey> missing = wanted.stream()
                .filter(key -> offsets.containsKey(key) && !found.containsKey(key))
                .toList();
        if (missing.isEmpty()) {
            return found;
        }
        TopicPartition partition = new TopicPartition(topic, 0);
        long end = reading.position(partition);
        if (missing.size() > LOOKUPS_MAX) {
            reading.seekToBeginning(List.of(partition));
            readToEnd(reading, wanted, found);
        } else {
            missing.forEach(key -> found.put(key, lookUp(reading, partition, key)));
            reading.seek(partition, end);
        }
        return found;
    }

    private void readToEnd(
            KafkaConsumer<byte[], byte[]> reading, Set<ConfigKey> wanted, Map<ConfigKey, Current> found) {
        TopicPartition partition = new TopicPartition(topic, 0);
        // This writer's own records may not be visible as committed yet.
        long end = Math.max(writtenTo, committedEnd(reading, partition));
        long deadline = System.nanoTime() + READ_WITHIN.toNanos();
        while (reading.position(partition, READ_WITHIN) < end) {
            ConsumerRecords<byte[], byte[]> records = reading.poll(POLL);
            if (!records.isEmpty()) {
                deadline = System.nanoTime() + READ_WITHIN.toNanos();
            }
            for (ConsumerRecord<byte[], byte[]> record : records) {
                inDoubtSeen |= record.offset() == inDoubtOffset;
                ConfigKey key = ConfigKey.tryParse(record.key());
                if (key != null) {
                    StoredConfig stored = stored(key, record);
                    read(key, record, stored);
                    if (wanted.contains(key)) {
                        found.put(key, current(record, stored));
                    }
                }
            }
            if (System.nanoTime() > deadline) {
                throw new TimeoutException(
                        "%s has records that did not arrive within %d s".formatted(topic, READ_WITHIN.toSeconds()));
            }
        }
    }

    private static @Nullable StoredConfig stored(ConfigKey key, ConsumerRecord<byte[], byte[]> record) {
        return record.value() == null ? null : StoredConfig.read(key, record.value());
    }

    private void read(ConfigKey key, ConsumerRecord<byte[], byte[]> record, @Nullable StoredConfig stored) {
        offsets.put(key, record.offset());
        rules.read(key, stored);
        if (key instanceof ConfigKey.OfTenant one) {
            if (stored == null) {
                configured.remove(one.tenant());
            } else {
                configured.add(one.tenant());
            }
            if (one.tenant().isDefault()) {
                ofDefault = current(record, stored);
            }
        }
    }

    private Current lookUp(KafkaConsumer<byte[], byte[]> reading, TopicPartition partition, ConfigKey key) {
        long offset = offsets.get(key);
        reading.seek(partition, offset);
        long deadline = System.nanoTime() + READ_WITHIN.toNanos();
        while (System.nanoTime() < deadline) {
            Iterator<ConsumerRecord<byte[], byte[]>> records =
                    reading.poll(POLL).iterator();
            if (records.hasNext()) {
                ConsumerRecord<byte[], byte[]> record = records.next();
                // Only a record that removes a config can be missing: compaction removes it in the end.
                return record.offset() == offset ? current(record, stored(key, record)) : Current.NONE;
            }
            if (reading.position(partition) > offset) {
                return Current.NONE;
            }
        }
        throw new TimeoutException("the record at %s offset %d did not arrive within %d s"
                .formatted(topic, offset, READ_WITHIN.toSeconds()));
    }

    private static Current current(ConsumerRecord<byte[], byte[]> record, @Nullable StoredConfig stored) {
        ConfigHistory history = ConfigHistory.in(record.headers(), record.offset());
        if (stored == null) {
            return new Current(null, record.offset(), true, history);
        }
        return new Current(stored.config(), record.offset(), stored.config() != null, history);
    }

    private KafkaConsumer<byte[], byte[]> reading() {
        if (consumer != null) {
            return consumer;
        }
        KafkaConsumer<byte[], byte[]> opened;
        try {
            opened = TopicReader.consumer(settings, IsolationLevel.READ_COMMITTED);
        } catch (KafkaException e) {
            throw KafkaAnswers.noClient(settings, e);
        }
        try {
            List<PartitionInfo> partitions = opened.partitionsFor(topic, READ_WITHIN);
            if (partitions == null || partitions.isEmpty()) {
                throw new AdminException("the topic %s does not exist on %s: has `tidegate init` or `run` run there?"
                        .formatted(topic, settings.bootstrapServers()));
            }
            TopicPartition partition = new TopicPartition(topic, 0);
            opened.assign(List.of(partition));
            opened.seekToBeginning(List.of(partition));
        } catch (RuntimeException e) {
            opened.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(CLOSE_WITHIN));
            throw e;
        }
        consumer = opened;
        return opened;
    }

    /** Longer with each attempt: a writer on a busy machine needs longer, and each attempt of another one fences it. */
    private static void backOff(int attempt) {
        pause(ThreadLocalRandom.current().nextInt(BACKOFF_MS_MAX * attempt));
    }

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }

    /** Runs the close of a client. If it is interrupted, the thread stays so, and the next wait reports it. */
    private static void closeQuietly(Runnable close) {
        try {
            close.run();
        } catch (InterruptException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void closeProducer() {
        if (producer != null) {
            KafkaProducer<byte[], byte[]> closing = producer;
            producer = null;
            closeQuietly(() -> closing.close(CLOSE_WITHIN));
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closeClients();
        } finally {
            lock.unlock();
        }
    }

    private void closeClients() {
        closeProducer();
        inDoubt = null;
        if (consumer != null) {
            KafkaConsumer<byte[], byte[]> closing = consumer;
            consumer = null;
            offsets.clear();
            configured.clear();
            rules.clear();
            ofDefault = Current.NONE;
            closeQuietly(() -> closing.close(CloseOptions.timeout(CLOSE_WITHIN)));
        }
    }
}
