package io.tidegate.streams;

import java.util.Arrays;
import java.util.Collection;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.processor.StateRestoreCallback;
import org.apache.kafka.streams.processor.internals.RecordBatchingStateRestoreCallback;
import org.apache.kafka.streams.state.internals.OffsetCheckpoint;

/**
 * Details of Kafka beyond its public API that no compiler checks: names of threads, clients, topics and metrics. One
 * test compares all of them with the pinned version.
 */
public final class KafkaInternals {
    /** A metric of Kafka Streams or its clients. */
    public enum Measure {
        COMMIT_LATENCY_AVG_MS("stream-thread-metrics", "commit-latency-avg"),
        COMMIT_LATENCY_MAX_MS("stream-thread-metrics", "commit-latency-max"),
        COMMITS("stream-thread-metrics", "commit-total"),
        PROCESSED("stream-thread-metrics", "process-total"),
        TASKS_CREATED("stream-thread-metrics", "task-created-total"),
        TASKS_CLOSED("stream-thread-metrics", "task-closed-total"),
        THREADS("stream-metrics", "alive-stream-threads"),
        REBALANCES("consumer-coordinator-metrics", "rebalance-total"),
        REBALANCE_LATENCY_MAX_MS("consumer-coordinator-metrics", "rebalance-latency-max"),
        HEARTBEAT_AGE_S("consumer-coordinator-metrics", "last-heartbeat-seconds-ago"),
        STATE_CACHE_BYTES("stream-state-metrics", "block-cache-usage"),
        STATE_CACHE_LIMIT_BYTES("stream-state-metrics", "block-cache-capacity"),
        STATE_WRITE_BUFFER_BYTES("stream-state-metrics", "size-all-mem-tables"),
        SENT_BYTES("producer-metrics", "outgoing-byte-total"),
        RECEIVED_BYTES("consumer-metrics", "incoming-byte-total"),
        SEND_ERRORS("producer-metrics", "record-error-total"),
        /**
         * The connections of producers, consumers and admin clients; each broker has another metric of the same name.
         */
        CONNECTIONS("", "connection-count");

        private final String group;
        private final String name;

        Measure(String group, String name) {
            this.group = group;
            this.name = name;
        }

        public String metricName() {
            return name;
        }

        public boolean is(MetricName metric) {
            return name.equals(metric.name())
                    && (group.isEmpty() ? !metric.group().contains("node") : group.equals(metric.group()));
        }
    }

    /** The value that Kafka Streams accepts and passes for an unknown offset in a changelog. */
    public static final long OFFSET_UNKNOWN = OffsetCheckpoint.OFFSET_UNKNOWN;

    private static final String PRODUCER = "-producer";
    private static final String STREAM_THREAD = "-StreamThread-";
    private static final String STATE_UPDATER = "-StateUpdater-";
    private static final String GLOBAL_THREAD = "GlobalStreamThread";

    /** The method of {@code TaskManager} in which a stream thread waits for an answer of its state updater. */
    static final String AWAITS_STATE_UPDATER = "waitForFuture";

    private static final Pattern PROCESS_AND_THREAD =
            Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-\\d+");

    private KafkaInternals() {}

    /** Whether a client id belongs to the producer of a stream thread; it is derived from the thread's name. */
    static boolean isProducerOfThread(String clientId) {
        return clientId.endsWith(PRODUCER);
    }

    /** Whether a transactional id is that of a stream thread: of the application, its process, and the thread's number. */
    static boolean isTransactionalIdOfThread(String applicationId, String transactionalId) {
        return transactionalId.startsWith(applicationId + "-")
                && PROCESS_AND_THREAD
                        .matcher(transactionalId.substring(applicationId.length() + 1))
                        .matches();
    }

    /** Returns the name of a producer's stream thread. */
    static String threadOf(String producerClientId) {
        return producerClientId.substring(0, producerClientId.length() - PRODUCER.length());
    }

    /**
     * Returns the common prefix of the client ids of all stream threads of one instance, which is the same after a
     * restart.
     */
    static String threadsOf(String consumerClientId) {
        int end = consumerClientId.indexOf(STREAM_THREAD);
        return end < 0 ? consumerClientId : consumerClientId.substring(0, end + STREAM_THREAD.length());
    }

    /** Whether this is the thread that reads the topics of global stores. */
    static boolean isGlobalThread(Thread thread) {
        return thread.getName().contains(GLOBAL_THREAD);
    }

    /** The name of the thread that restores the tasks of a stream thread. */
    static String stateUpdaterOf(String streamThread) {
        return streamThread.replace(STREAM_THREAD, STATE_UPDATER);
    }

    /** Whether an ending stream thread waits for its state updater, which is dead. */
    static boolean waitsForDeadStateUpdater(Thread thread) {
        return Arrays.stream(thread.getStackTrace())
                        .anyMatch(frame -> frame.getMethodName().equals(AWAITS_STATE_UPDATER))
                && Thread.getAllStackTraces().keySet().stream()
                        .noneMatch(other -> other.getName().equals(stateUpdaterOf(thread.getName())));
    }

    /** The changelog topic of a store. */
    public static String changelog(String applicationId, String store) {
        return applicationId + "-" + store + "-changelog";
    }

    static boolean isChangelog(String applicationId, String topic) {
        return topic.startsWith(applicationId + "-") && topic.endsWith("-changelog");
    }

    /** Returns the partition of {@code __consumer_offsets} that stores a group's offsets. */
    static int offsetsPartition(String groupId, int partitions) {
        return Utils.abs(groupId.hashCode()) % partitions;
    }

    /** Restores a store from whole records: callbacks of the public API get neither offset nor headers. */
    public static StateRestoreCallback wholeRecords(Consumer<Collection<ConsumerRecord<byte[], byte[]>>> restore) {
        RecordBatchingStateRestoreCallback callback = restore::accept;
        return callback;
    }
}
