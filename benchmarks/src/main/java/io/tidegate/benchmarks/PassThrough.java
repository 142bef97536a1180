package io.tidegate.benchmarks;

import java.util.Arrays;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/**
 * The limit: source, by-tenant topic, output topic, exactly once, and nothing done on the way.
 *
 * <p>Arguments: bootstrap, application id, source, by-tenant topic, output topic, state dir, threads.
 */
final class PassThrough {
    private PassThrough() {}

    public static void main(String[] args) throws InterruptedException {
        Topology topology = new Topology();
        addHop(topology, "a", args[2], args[3]);
        addHop(topology, "b", args[3], args[4]);
        Properties config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(args[6]));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, "streams");
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        KafkaStreams streams = new KafkaStreams(topology, config);
        CountDownLatch end = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        end.await();
    }

    private static void addHop(Topology topology, String name, String from, String to) {
        // By the value's first bytes after "tenant_id": as many keys as there are tenants, without parsing.
        StreamPartitioner<byte[], byte[]> byKey = (topic, key, value, partitions) ->
                Optional.of(Set.of(Utils.toPositive(Utils.murmur2(key)) % partitions));
        ProcessorSupplier<byte[], byte[], byte[], byte[]> forward = () -> new ContextualProcessor<>() {
            @Override
            public void process(Record<byte[], byte[]> record) {
                byte[] key = record.key() != null ? record.key() : Arrays.copyOfRange(record.value(), 13, 18);
                context().forward(record.withKey(key));
            }
        };
        topology.addSource(
                AutoOffsetReset.earliest(), name, new ByteArrayDeserializer(), new ByteArrayDeserializer(), from);
        topology.addProcessor(name + "-forward", forward, name);
        topology.addSink(
                name + "-sink", to, new ByteArraySerializer(), new ByteArraySerializer(), byKey, name + "-forward");
    }
}
