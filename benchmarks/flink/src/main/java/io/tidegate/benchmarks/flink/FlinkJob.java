package io.tidegate.benchmarks.flink;

import io.tidegate.signal.ParseResult;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.Encoder;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.BucketAssigner;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.SimpleVersionedStringSerializer;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.DefaultRollingPolicy;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * The same work as a Flink job on a local cluster, the usual choice of a team: a keyed token bucket and entity set in heap
 * state, rejections to Kafka in transactions, accepted signals to one directory for each tenant, exactly once, with a
 * checkpoint each second.
 *
 * <p>It uses Tidegate's parser, once for each signal. Objects are reused between chained operators. Files roll at 64 MiB,
 * like Tidegate's segments. Arguments: bootstrap, group, source topic, topic for rejections, directory, parallelism, and for
 * each tenant its signals per second and its maximum number of entities.
 */
final class FlinkJob {
    private static final String CHECKPOINT_INTERVAL = "1s";
    private static final long PART_BYTES = 64L * 1024 * 1024;

    private FlinkJob() {}

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String directory = args[4];
        Configuration config = new Configuration();
        config.setString("state.backend.type", "hashmap");
        config.setString("execution.checkpointing.interval", CHECKPOINT_INTERVAL);
        config.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
        config.setString("execution.checkpointing.storage", "filesystem");
        config.setString("execution.checkpointing.dir", "file://" + directory + "/checkpoints");
        config.setString("pipeline.object-reuse", "true");
        config.setString("taskmanager.memory.managed.size", "8m");
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(args[5]), config);
        KafkaSource<Event> source = KafkaSource.<Event>builder()
                .setBootstrapServers(bootstrap)
                .setGroupId(args[1])
                .setTopics(args[2])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Parse())
                .build();
        SingleOutputStreamOperator<Event> accepted = env.fromSource(source, WatermarkStrategy.noWatermarks(), "signals")
                .keyBy(event -> event.tenant)
                .process(new Admit(Long.parseLong(args[6]), Long.parseLong(args[7])));
        accepted.sinkTo(FileSink.<Event>forRowFormat(new Path("file://" + directory + "/files"), new Lines())
                .withBucketAssigner(new ByTenant())
                .withRollingPolicy(DefaultRollingPolicy.builder()
                        .withMaxPartSize(new MemorySize(PART_BYTES))
                        .withRolloverInterval(Duration.ofHours(24))
                        .withInactivityInterval(Duration.ofHours(24))
                        .build())
                .build());
        accepted.getSideOutput(Admit.REJECTED)
                .sinkTo(KafkaSink.<Event>builder()
                        .setBootstrapServers(bootstrap)
                        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                        .setTransactionalIdPrefix(args[1])
                        .setProperty("transaction.timeout.ms", "60000")
                        .setRecordSerializer(new ToKafka(args[3]))
                        .build());
        env.execute("admission");
    }

    private static final class Parse implements KafkaRecordDeserializationSchema<Event> {
        private static final long serialVersionUID = 1L;
        private transient SignalParser parser;

        @SuppressWarnings("NullAway.Init") // Flink calls open before anything else
        Parse() {}

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            parser = new SignalParser();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) {
            if (!(parser.parse(record.value()) instanceof ParseResult.Parsed parsed)) {
                throw new IllegalStateException("the benchmark's signals are well-formed");
            }
            Signal signal = parsed.signal();
            Event event = new Event();
            TenantId tenant = signal.tenantId();
            event.tenant = tenant == null ? 0 : tenant.bits();
            event.timestampMs = record.timestamp();
            event.partition = record.partition();
            event.offset = record.offset();
            event.item = first(signal.items());
            event.user = first(signal.users());
            event.creator = first(signal.creators());
            event.value = record.value();
            out.collect(event);
        }

        private static @Nullable String first(List<String> ids) {
            return ids.isEmpty() ? null : ids.get(0);
        }

        @Override
        public TypeInformation<Event> getProducedType() {
            return TypeInformation.of(Event.class);
        }
    }

    private static final class Lines implements Encoder<Event> {
        private static final long serialVersionUID = 1L;

        @Override
        public void encode(Event event, OutputStream out) throws IOException {
            out.write(event.value);
            out.write('\n');
        }
    }

    private static final class ByTenant implements BucketAssigner<Event, String> {
        private static final long serialVersionUID = 1L;

        @Override
        public String getBucketId(Event event, Context context) {
            return Long.toUnsignedString(event.tenant);
        }

        @Override
        public SimpleVersionedSerializer<String> getSerializer() {
            return SimpleVersionedStringSerializer.INSTANCE;
        }
    }

    private static final class ToKafka implements KafkaRecordSerializationSchema<Event> {
        private static final long serialVersionUID = 1L;
        private final String topic;

        ToKafka(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Event event, KafkaSinkContext context, Long timestampMs) {
            ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, null, null, event.value);
            header(record, "tidegate.reason", String.valueOf(event.reason));
            header(record, "tidegate.tenant", Long.toUnsignedString(event.tenant));
            header(record, "tidegate.retry_after_ms", Long.toString(event.retryAfterMs));
            header(record, "tidegate.source.partition", Integer.toString(event.partition));
            header(record, "tidegate.source.offset", Long.toString(event.offset));
            return record;
        }

        private static void header(ProducerRecord<byte[], byte[]> record, String name, String value) {
            record.headers().add(name, value.getBytes(StandardCharsets.UTF_8));
        }
    }
}
