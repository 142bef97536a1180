package io.tidegate.benchmarks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The upper bound for writes to a disk: one consumer appends the values that it reads to one file, and fsyncs it as often as
 * Tidegate does. It assigns no sequence numbers, checks nothing, and does not recover after a crash.
 *
 * <p>Arguments: bootstrap, group, topic, file.
 */
final class PlainConsumer {
    private static final int BUFFER_BYTES = 1 << 20;
    private static final long COMMIT_NANOS = Duration.ofMillis(100).toNanos();
    private static final long SYNC_NANOS = Duration.ofSeconds(5).toNanos();

    private PlainConsumer() {}

    public static void main(String[] args) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        try (var consumer = consumer(args[0], args[1]);
                var file =
                        FileChannel.open(Path.of(args[3]), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            consumer.subscribe(List.of(args[2]));
            long committed = System.nanoTime();
            long synced = committed;
            while (!Thread.currentThread().isInterrupted()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    if (buffer.remaining() < record.value().length + 1) {
                        write(buffer, file);
                    }
                    buffer.put(record.value()).put((byte) '\n');
                }
                long now = System.nanoTime();
                if (now - synced > SYNC_NANOS) {
                    write(buffer, file);
                    file.force(false);
                    synced = now;
                }
                if (now - committed > COMMIT_NANOS) {
                    write(buffer, file);
                    consumer.commitAsync();
                    committed = now;
                }
            }
        }
    }

    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group) {
        return new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers",
                        bootstrap,
                        "group.id",
                        group,
                        "isolation.level",
                        "read_committed",
                        "auto.offset.reset",
                        "earliest",
                        "enable.auto.commit",
                        false),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
    }

    private static void write(ByteBuffer buffer, FileChannel file) throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            int unused = file.write(buffer);
        }
        buffer.clear();
    }
}
