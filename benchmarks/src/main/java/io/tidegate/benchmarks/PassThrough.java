package io.tidegate.benchmarks;

import io.tidegate.benchmarks.Case.Program;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.contract.Topics;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
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
 * Kafka Streams alone with exactly-once, without any work on the records.
 *
 * <p>{@link Program#LIMIT} has a source, a by-tenant topic and an output topic. The other programs have Tidegate's topics and
 * headers, with the same bytes in each record: their rate is the most that Tidegate could reach if its own work cost nothing.
 *
 * <p>Arguments: the program, and Tidegate's settings, as {@code key=value}. Kafka Streams and its clients are configured
 * as Tidegate configures them, and the topics are those that Tidegate would read and write.
 */
final class PassThrough {
    /** The value that Tidegate derives from its topics' {@code max.message.bytes}, with Kafka's defaults. */
    private static final long REQUEST_BYTES_MAX = 1024 * 1024;

    private static final Header SOURCE = header(TidegateHeaders.SOURCE, "bench.known/3/1234567");

    /** The headers of a signal that is rejected for its rate. */
    private static final Header[] REJECTION = {
        header(TidegateHeaders.TENANT, "1234"),
        header(TidegateHeaders.REASON, "rate_limited"),
        header(TidegateHeaders.MESSAGE, "sustained rate above 1 signals per second"),
        header(TidegateHeaders.RETRYABLE, "true"),
        header(TidegateHeaders.SOURCE_TOPIC, "bench.known"),
        header(TidegateHeaders.SOURCE_PARTITION, "3"),
        header(TidegateHeaders.SOURCE_OFFSET, "1234567"),
        header(TidegateHeaders.LIMIT, "1"),
        header(TidegateHeaders.RETRY_AFTER_MS, "1000"),
        header(TidegateHeaders.CONFIG_OFFSET, "1234"),
    };

    private PassThrough() {}

    public static void main(String[] args) throws InterruptedException {
        Map<String, String> values = new HashMap<>();
        Program program = Program.valueOf(args[0]);
        for (String arg : List.of(args).subList(1, args.length)) {
            int equals = arg.indexOf('=');
            values.put(arg.substring(0, equals), arg.substring(equals + 1));
        }
        Settings settings = SettingsLoader.load(null, Map.of(), values);
        Topics topics = settings.topics();
        Topology topology = new Topology();
        switch (program) {
            case LIMIT -> {
                addHop(topology, "a", topics.signals().get(0), topics.byTenant(), UnaryOperator.identity());
                addHop(topology, "b", topics.byTenant(), topics.accepted(), UnaryOperator.identity());
            }
            case BARE_ACCEPTED -> {
                addHop(topology, "a", topics.signals().get(0), topics.byTenant(), PassThrough::marked);
                addHop(topology, "b", topics.byTenant(), topics.accepted(), UnaryOperator.identity());
            }
            case BARE_REJECTED -> {
                addHop(topology, "a", topics.signals().get(0), topics.byTenant(), PassThrough::marked);
                addHop(topology, "b", topics.byTenant(), topics.quotaExceeded(), PassThrough::explained);
            }
            default -> throw new IllegalArgumentException(program + " does not pass through");
        }
        Properties config = settings.streamsConfig(settings.dataDir(), REQUEST_BYTES_MAX, null);
        KafkaStreams streams = new KafkaStreams(topology, config);
        CountDownLatch end = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        end.await();
    }

    private static Headers marked(Headers headers) {
        return headers.add(SOURCE);
    }

    private static Headers explained(Headers headers) {
        return new RecordHeaders(REJECTION);
    }

    private static Header header(String name, String value) {
        return new RecordHeader(name, value.getBytes(StandardCharsets.UTF_8));
    }

    private static void addHop(Topology topology, String name, String from, String to, UnaryOperator<Headers> headers) {
        // By the value's first bytes after "tenant_id": yields as many keys as there are tenants, without parsing.
        StreamPartitioner<byte[], byte[]> byKey = (topic, key, value, partitions) ->
                Optional.of(Set.of(Utils.toPositive(Utils.murmur2(key)) % partitions));
        ProcessorSupplier<byte[], byte[], byte[], byte[]> forward = () -> new ContextualProcessor<>() {
            @Override
            public void process(Record<byte[], byte[]> record) {
                byte[] key = record.key() != null ? record.key() : Arrays.copyOfRange(record.value(), 13, 18);
                context()
                        .forward(
                                new Record<>(key, record.value(), record.timestamp(), headers.apply(record.headers())));
            }
        };
        topology.addSource(
                AutoOffsetReset.earliest(), name, new ByteArrayDeserializer(), new ByteArrayDeserializer(), from);
        topology.addProcessor(name + "-forward", forward, name);
        topology.addSink(
                name + "-sink", to, new ByteArraySerializer(), new ByteArraySerializer(), byKey, name + "-forward");
    }
}
