package io.tidegate.admin;

import io.tidegate.config.Settings;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/**
 * Reads whole topics, committed records only, without a consumer group. Starts at the beginning, and each call continues where
 * the last one ended. Not thread-safe, except {@link #wakeUp}.
 */
public final class TopicReader implements AutoCloseable {
    private static final Duration SILENCE_MAX = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(200);

    /**
     * How long a broker holds a fetch that finds nothing. Closing the consumer waits for it; with Kafka's default, that is half
     * the time of a short command.
     */
    private static final int FETCH_WAIT_MS = 50;

    private static final Duration METADATA_WITHIN = Duration.ofSeconds(30);

    /** How many offsets {@link #newest} looks back per wanted record, and the factor by which it widens the range. */
    private static final int SPAN_MAX = 256;

    private static final int WIDER = 4;

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final String brokers;
    private final List<TopicPartition> partitions = new ArrayList<>();

    /**
     * Opens topics at their beginning.
     *
     * @throws AdminException naming a topic that does not exist
     */
    public TopicReader(Settings settings, Collection<String> topics) {
        this(settings, topics, IsolationLevel.READ_COMMITTED);
    }

    private TopicReader(Settings settings, Collection<String> topics, IsolationLevel isolation) {
        brokers = settings.bootstrapServers();
        try {
            consumer = consumer(settings, isolation);
        } catch (KafkaException e) {
            throw KafkaAnswers.noClient(settings, e);
        }
        try {
            for (String topic : topics) {
                List<PartitionInfo> infos = consumer.partitionsFor(topic, METADATA_WITHIN);
                if (infos == null || infos.isEmpty()) {
                    throw new MissingTopicException("the topic %s does not exist on %s%s"
                            .formatted(
                                    topic,
                                    settings.bootstrapServers(),
                                    isOfTidegate(topic, settings) ? ": has `tidegate init` or `run` run there?" : ""));
                }
                // These topics are totally ordered. Partitions that are added stay empty.
                boolean isOrdered = topic.equals(settings.topics().configs()) || topic.equals(settings.ownersTopic());
                infos.stream()
                        .filter(info -> !isOrdered || info.partition() == 0)
                        .forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
        } catch (RuntimeException e) {
            consumer.close();
            throw e instanceof AdminException ? e : failed(settings, e);
        }
    }

    /** Returns whether {@code init} or an instance creates the topic. */
    private static boolean isOfTidegate(String topic, Settings settings) {
        return settings.allTopics().contains(topic)
                || topic.equals(settings.ownersTopic())
                || topic.startsWith(settings.applicationId() + "-");
    }

    /** Creates a consumer that reads topics from their beginning, without a group. */
    static KafkaConsumer<byte[], byte[]> consumer(Settings settings, IsolationLevel isolation) {
        Map<String, Object> config = settings.clientConfig();
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation.toString());
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        config.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
        config.putIfAbsent(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, FETCH_WAIT_MS);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static AdminException failed(Settings settings, RuntimeException e) {
        if (e instanceof TimeoutException) {
            return KafkaAnswers.noAnswer("reading from " + settings.bootstrapServers(), METADATA_WITHIN.toSeconds(), e);
        }
        return new AdminException(
                "reading from %s failed: %s".formatted(settings.bootstrapServers(), e.getMessage()), e);
    }

    /** Returns whether a partition has committed records in a range of offsets; the end is exclusive. */
    static boolean hasRecords(Settings settings, TopicPartition partition, long from, long to) {
        try (TopicReader reader = new TopicReader(settings, List.of(partition.topic()))) {
            reader.consumer.assign(List.of(partition));
            reader.consumer.seek(partition, from);
            return reader.hasAny(Map.of(partition, to));
        }
    }

    /**
     * Reads the first committed record of each partition that has one.
     *
     * @param from start offsets; partitions that are not named start at their beginning
     */
    static List<ConsumerRecord<byte[], byte[]>> firstOfEach(
            Settings settings, String topic, Map<TopicPartition, Long> from) {
        try (TopicReader reader = new TopicReader(settings, List.of(topic))) {
            Map<TopicPartition, Long> beginnings = reader.beginnings();
            Map<TopicPartition, Long> ends = new HashMap<>(reader.ends());
            from.forEach((partition, offset) -> {
                if (reader.partitions.contains(partition)) {
                    reader.consumer.seek(partition, Math.max(offset, beginnings.getOrDefault(partition, 0L)));
                }
            });
            Map<TopicPartition, ConsumerRecord<byte[], byte[]>> first = new HashMap<>();
            reader.readTo(ends, record -> {
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                if (first.putIfAbsent(partition, record) == null) {
                    ends.remove(partition);
                    reader.consumer.pause(List.of(partition));
                }
            });
            return List.copyOf(first.values());
        }
    }

    /**
     * Opens one partition at an offset.
     *
     * @param isolation whether to read records of aborted and open transactions too
     */
    static TopicReader at(Settings settings, TopicPartition partition, long from, IsolationLevel isolation) {
        TopicReader reader = new TopicReader(settings, List.of(partition.topic()), isolation);
        reader.partitions.removeIf(other -> !other.equals(partition));
        reader.consumer.assign(reader.partitions);
        reader.consumer.seek(partition, from);
        return reader;
    }

    /** Opens one partition at its beginning. */
    public static TopicReader of(Settings settings, TopicPartition partition) {
        return at(settings, partition, 0, IsolationLevel.READ_COMMITTED);
    }

    /** Returns the number of partitions of a topic. */
    public static int partitionCount(Settings settings, String topic) {
        try (TopicReader reader = new TopicReader(settings, List.of(topic))) {
            return reader.partitions.size();
        }
    }

    /** Reads one partition from its beginning to its current end. */
    public static void readPartition(
            Settings settings, TopicPartition partition, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        try (TopicReader reader = new TopicReader(settings, List.of(partition.topic()))) {
            reader.partitions.removeIf(other -> !other.equals(partition));
            reader.consumer.assign(reader.partitions);
            reader.consumer.seekToBeginning(reader.partitions);
            reader.readToEnd(each);
        }
    }

    /** Returns the partitions, by topic and number. */
    public List<TopicPartition> partitions() {
        return partitions.stream()
                .sorted(Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition))
                .toList();
    }

    /**
     * Returns some partitions of a single topic; all if none is given.
     *
     * @throws AdminException naming one that does not exist
     */
    public List<TopicPartition> chosen(List<Integer> numbers) {
        List<TopicPartition> all = partitions();
        for (int number : numbers) {
            if (all.stream().noneMatch(one -> one.partition() == number)) {
                throw new AdminException("topic %s has no partition %d, it has %d"
                        .formatted(all.get(0).topic(), number, all.size()));
            }
        }
        return numbers.isEmpty()
                ? all
                : all.stream().filter(one -> numbers.contains(one.partition())).toList();
    }

    /**
     * Reads only one partition, from an offset to its current end, as long as {@code shouldContinue} returns true; it is called between
     * polls. Starts with the first existing record if the one at the offset was deleted.
     */
    public void readFrom(
            TopicPartition partition,
            long offset,
            BooleanSupplier shouldContinue,
            Consumer<ConsumerRecord<byte[], byte[]>> each) {
        consumer.assign(List.of(partition));
        consumer.seek(partition, offset);
        readTo(consumer.endOffsets(List.of(partition)), shouldContinue, each);
    }

    /**
     * Reads only one partition, from an offset to another, exclusive, as long as {@code shouldContinue} returns true; it is called
     * between polls.
     */
    public void readRange(
            TopicPartition partition,
            long from,
            long to,
            BooleanSupplier shouldContinue,
            Consumer<ConsumerRecord<byte[], byte[]>> each) {
        consumer.assign(List.of(partition));
        consumer.seek(partition, from);
        readTo(Map.of(partition, to), shouldContinue, each);
    }

    /** Returns the offset of the first record with this time or later in each partition; its end if there is none. */
    public Map<TopicPartition, Long> offsetsAt(long timestampMs) {
        Map<TopicPartition, Long> offsets = new HashMap<>(ends());
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions.forEach(partition -> times.put(partition, Math.max(0, timestampMs)));
        consumer.offsetsForTimes(times).forEach((partition, found) -> {
            if (found != null) {
                offsets.put(partition, found.offset());
            }
        });
        return offsets;
    }

    /** Returns the newest committed records of one partition, in order. Fewer if it has fewer, or mostly markers. */
    public List<ConsumerRecord<byte[], byte[]>> newest(TopicPartition partition, int max) {
        long begin = consumer.beginningOffsets(List.of(partition)).get(partition);
        long end = consumer.endOffsets(List.of(partition)).get(partition);
        Deque<ConsumerRecord<byte[], byte[]>> newest = new ArrayDeque<>();
        // Transaction markers and records that compaction removed take up offsets too.
        for (long span = max; ; span *= WIDER) {
            long from = Math.max(begin, end - span);
            newest.clear();
            consumer.assign(List.of(partition));
            consumer.seek(partition, from);
            readTo(Map.of(partition, end), record -> {
                newest.add(record);
                if (newest.size() > max) {
                    newest.remove();
                }
            });
            if (newest.size() == max || from == begin || span >= (long) max * SPAN_MAX) {
                return List.copyOf(newest);
            }
        }
    }

    /** Selects records by time and content. Replaces the other methods: do not combine them. */
    public TopicTail tail(
            @Nullable Instant since, @Nullable Instant until, Predicate<ConsumerRecord<byte[], byte[]>> wanted) {
        return new TopicTail(consumer, partitions(), since, until, wanted);
    }

    /** Returns the current end of the committed records of each partition. */
    public Map<TopicPartition, Long> ends() {
        return consumer.endOffsets(partitions);
    }

    /** Returns the current beginning of each partition. */
    public Map<TopicPartition, Long> beginnings() {
        return consumer.beginningOffsets(partitions);
    }

    /** Skips all existing records. */
    public void skipToEnd() {
        consumer.seekToEnd(partitions);
        partitions.forEach(consumer::position);
    }

    /** Skips, in each partition, the records before the first one with this time or later. */
    public void skipTo(long timestampMs) {
        offsetsAt(timestampMs).forEach(consumer::seek);
    }

    /** Skips the records below an offset that have not been read yet. */
    public void skipTo(TopicPartition partition, long offset) {
        if (consumer.position(partition) < offset) {
            consumer.seek(partition, offset);
        }
    }

    /** Returns whether there is a committed record. Can be called once, before anything is read. */
    boolean hasAny() {
        return hasAny(ends());
    }

    private boolean hasAny(Map<TopicPartition, Long> ends) {
        long silentUntil = System.nanoTime() + SILENCE_MAX.toNanos();
        while (!reached(ends)) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) {
                    return true;
                }
            }
            if (System.nanoTime() > silentUntil) {
                throw new AdminException("nothing came from %s for %d s while reading %s: is the broker up?"
                        .formatted(brokers, SILENCE_MAX.toSeconds(), this));
            }
        }
        return false;
    }

    /** Reads to the current end of the topics. */
    public void readToEnd(Consumer<ConsumerRecord<byte[], byte[]>> each) {
        readTo(ends(), each);
    }

    /** Reads up to given offsets, exclusive. Partitions that are not named are read as far as polls return their records. */
    public void readTo(Map<TopicPartition, Long> ends, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        readTo(ends, () -> true, each);
    }

    /** Like {@link #readTo}, as long as {@code shouldContinue} returns true; it is called between polls. */
    public void readTo(
            Map<TopicPartition, Long> ends,
            BooleanSupplier shouldContinue,
            Consumer<ConsumerRecord<byte[], byte[]>> each) {
        long silentSince = System.nanoTime();
        try {
            while (shouldContinue.getAsBoolean() && !reached(ends)) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
                for (TopicPartition partition : records.partitions()) {
                    upTo(ends.getOrDefault(partition, Long.MAX_VALUE), records.records(partition), each);
                }
                // A consumer waits indefinitely for a lost broker; an open transaction can delay a reader for a while.
                if (!records.isEmpty()) {
                    silentSince = System.nanoTime();
                } else if (System.nanoTime() - silentSince > SILENCE_MAX.toNanos()) {
                    throw new AdminException("nothing came from %s for %d s while reading %s: is the broker up?"
                            .formatted(brokers, SILENCE_MAX.toSeconds(), this));
                }
            }
        } finally {
            consumer.resume(consumer.paused());
        }
    }

    /** Passes on the records of one partition below its end. The next call reads the later ones. */
    private void upTo(
            long end, List<ConsumerRecord<byte[], byte[]>> records, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            if (record.offset() >= end) {
                TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                consumer.seek(partition, record.offset());
                consumer.pause(List.of(partition));
                return;
            }
            each.accept(record);
        }
    }

    private boolean reached(Map<TopicPartition, Long> ends) {
        for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
            if (consumer.position(end.getKey()) < end.getValue()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads records as they arrive until {@code done}, which is called between polls, returns true, or until {@link #wakeUp}.
     */
    public void follow(BooleanSupplier done, Consumer<ConsumerRecord<byte[], byte[]>> each) {
        try {
            while (!done.getAsBoolean()) {
                consumer.poll(POLL).forEach(each);
            }
        } catch (WakeupException e) {
            // asked to stop
        }
    }

    /** Ends a {@link #follow} from another thread. */
    public void wakeUp() {
        consumer.wakeup();
    }

    /** Reads a compacted topic: the last value of each key that was not deleted. */
    public static <K, V> Map<K, V> table(
            Settings settings,
            String topic,
            java.util.function.Function<ConsumerRecord<byte[], byte[]>, @Nullable K> key,
            java.util.function.Function<ConsumerRecord<byte[], byte[]>, V> value) {
        Map<K, V> table = new java.util.TreeMap<>();
        try (TopicReader reader = new TopicReader(settings, List.of(topic))) {
            reader.readToEnd(record -> {
                K id = key.apply(record);
                if (id == null) {
                    return;
                }
                if (record.value() == null) {
                    table.remove(id);
                } else {
                    table.put(id, value.apply(record));
                }
            });
        }
        return table;
    }

    @Override
    public void close() {
        consumer.close();
    }

    @Override
    public String toString() {
        return partitions.stream().map(TopicPartition::toString).collect(Collectors.joining(","));
    }
}
