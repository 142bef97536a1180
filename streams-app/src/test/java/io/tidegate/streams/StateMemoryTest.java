package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.streams.KafkaInternals.Measure;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fills real stores and asks RocksDB for the memory that they take. */
final class StateMemoryTest {
    private static final List<String> STORES = List.of("usage", "entities", "segments");
    private static final int VALUES = 3_000;
    private static final int VALUE_BYTES = 4_096;

    /** RocksDB notices that a buffer is full after the block in which it was written is full. */
    private static final double OVERSHOOT = 1.2;

    @TempDir
    Path dir;

    @Test
    void allStoresTogetherStayWithinTheMemory() {
        long bytes = 6 << 20;

        try (StateMemory memory = new StateMemory(bytes, STORES.size());
                TopologyTestDriver driver = driver(memory)) {
            double writeBuffers = 0;
            for (String store : STORES) {
                writeBuffers = Math.max(writeBuffers, fill(driver, store));
            }
            read(driver);

            assertThat(writeBuffers)
                    .as("in use, so it is measured, and bounded")
                    .isBetween(1.0, OVERSHOOT * bytes / 2);
            assertThat(values(driver, Measure.STATE_CACHE_BYTES).max().orElse(0))
                    .as("in use, so it is measured, and bounded")
                    .isBetween(bytes / 8.0, OVERSHOOT * bytes / 2);
        }
    }

    @Test
    void aClassOfTheOperatorTakesPrecedence() {
        Properties streams = new Properties();
        streams.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, "com.example.Own");

        try (StateMemory memory = new StateMemory(1 << 20, 1)) {
            memory.applyTo(streams);
        }

        assertThat(streams).containsEntry(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, "com.example.Own");
    }

    private TopologyTestDriver driver(StateMemory memory) {
        Topology topology = new Topology();
        topology.addSource("in", new ByteArrayDeserializer(), new ByteArrayDeserializer(), "in");
        topology.addProcessor("idle", Idle::new, "in");
        for (String store : STORES) {
            topology.addStateStore(
                    Stores.keyValueStoreBuilder(
                                    Stores.persistentKeyValueStore(store), Serdes.Bytes(), Serdes.ByteArray())
                            .withCachingDisabled()
                            .withLoggingDisabled(),
                    "idle");
        }
        Properties config = new Properties();
        config.put(StreamsConfig.STATE_DIR_CONFIG, dir.toString());
        memory.applyTo(config);
        return new TopologyTestDriver(topology, config);
    }

    /** Returns the largest sum of all write buffers that was seen meanwhile. */
    private static double fill(TopologyTestDriver driver, String name) {
        KeyValueStore<Bytes, byte[]> store = driver.getKeyValueStore(name);
        Random random = new Random(1);
        double largest = 0;
        for (int i = 0; i < VALUES; i++) {
            byte[] value = new byte[VALUE_BYTES];
            random.nextBytes(value);
            store.put(Bytes.wrap(new byte[] {(byte) (i >> 8), (byte) i}), value);
            if (i % 50 == 0) {
                largest = Math.max(
                        largest,
                        values(driver, Measure.STATE_WRITE_BUFFER_BYTES).sum());
            }
        }
        return largest;
    }

    private static void read(TopologyTestDriver driver) {
        for (String name : STORES) {
            KeyValueStore<Bytes, byte[]> store = driver.getKeyValueStore(name);
            for (int i = 0; i < VALUES; i++) {
                assertThat(store.get(Bytes.wrap(new byte[] {(byte) (i >> 8), (byte) i})))
                        .hasSize(VALUE_BYTES);
            }
        }
    }

    private static DoubleStream values(TopologyTestDriver driver, Measure measure) {
        return driver.metrics().entrySet().stream()
                .filter(metric -> measure.is(metric.getKey()))
                .mapToDouble(metric -> ((Number) metric.getValue().metricValue()).doubleValue());
    }

    private static final class Idle implements Processor<byte[], byte[], Void, Void> {
        @Override
        public void process(Record<byte[], byte[]> record) {
            // The test accesses the stores itself.
        }
    }
}
