package io.tidegate.benchmarks;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.topology.Topics;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/**
 * The limit: source, by-tenant topic, output topic, exactly once, and nothing done on the way.
 *
 * <p>Arguments: Tidegate's settings, as {@code key=value}. Kafka Streams and its clients are configured as Tidegate
 * configures them, and the topics are those that it would read and write.
 */
final class PassThrough {
    /** What Tidegate finds by asking for its topics' {@code max.message.bytes}, with Kafka's defaults. */
    private static final long REQUEST_BYTES_MAX = 1024 * 1024;

    private PassThrough() {}

    public static void main(String[] args) throws InterruptedException {
        Map<String, String> values = new HashMap<>();
        for (String arg : args) {
            int equals = arg.indexOf('=');
            values.put(arg.substring(0, equals), arg.substring(equals + 1));
        }
        Settings settings = SettingsLoader.load(null, Map.of(), values);
        Topics topics = settings.topics();
        Topology topology = new Topology();
        addHop(topology, "a", topics.signals().get(0), topics.byTenant());
        addHop(topology, "b", topics.byTenant(), topics.accepted());
        Properties config = settings.streamsConfig(settings.dataDir(), REQUEST_BYTES_MAX, null);
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
