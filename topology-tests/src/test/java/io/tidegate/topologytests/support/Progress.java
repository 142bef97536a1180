package io.tidegate.topologytests.support;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Watches the progress of each shard: the time of the youngest signal that it accepted, in committed records. A shard has
 * recovered from a fault when it accepts signals that arrived after the fault.
 */
public final class Progress implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(50);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final AtomicLongArray youngestMs;
    private final AtomicLongArray longestDelayMs;
    private final Thread thread;
    private volatile boolean stopping;

    public Progress(String bootstrapServers, String accepted, int shards) {
        youngestMs = new AtomicLongArray(shards);
        longestDelayMs = new AtomicLongArray(shards);
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrapServers);
        config.put("isolation.level", "read_committed");
        config.put("auto.offset.reset", "earliest");
        config.put("fetch.max.wait.ms", 50);
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        for (int i = 0; i < shards; i++) {
            partitions.add(new TopicPartition(accepted, i));
        }
        consumer.assign(partitions);
        thread = new Thread(this::follow, "progress");
        thread.setDaemon(true);
        thread.start();
    }

    private void follow() {
        try (consumer) {
            while (!stopping) {
                var records = consumer.poll(POLL);
                long nowMs = System.currentTimeMillis();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    int shard = record.partition();
                    youngestMs.accumulateAndGet(shard, record.timestamp(), Math::max);
                    longestDelayMs.accumulateAndGet(shard, nowMs - record.timestamp(), Math::max);
                }
            }
        }
    }

    /** Waits until every shard accepts signals that arrived after a moment; returns how long after it that was. */
    public long awaitAllSince(long sinceMs, Duration within) throws InterruptedException {
        TidegateProcess.await(within, "every shard to continue; the youngest signals: ", this::toString, () -> {
            for (int shard = 0; shard < youngestMs.length(); shard++) {
                if (youngestMs.get(shard) < sinceMs) {
                    return false;
                }
            }
            return true;
        });
        return System.currentTimeMillis() - sinceMs;
    }

    /** The longest time, since the last call, from a signal's arrival until its acceptance was visible. */
    public long takeLongestDelayMs() {
        long longest = 0;
        for (int shard = 0; shard < longestDelayMs.length(); shard++) {
            longest = Math.max(longest, longestDelayMs.getAndSet(shard, 0));
        }
        return longest;
    }

    @Override
    public String toString() {
        long nowMs = System.currentTimeMillis();
        StringBuilder text = new StringBuilder();
        for (int shard = 0; shard < youngestMs.length(); shard++) {
            text.append("shard %d %d ms ago; ".formatted(shard, nowMs - youngestMs.get(shard)));
        }
        return text.toString();
    }

    @Override
    public void close() {
        stopping = true;
        try {
            thread.join(Duration.ofSeconds(10).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
