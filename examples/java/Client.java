import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends signals of one tenant, reads the rejections of that tenant, and sends each rejected signal again after its retry delay. The
 * tenant is in the header tidegate-tenant (tenant.source=header).
 *
 * <pre>java -cp kafka-clients.jar:slf4j-api.jar Client.java BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]</pre>
 */
public final class Client {
    private static final int ATTEMPTS_MAX = 20;
    private static final long WAIT_MAX_MS = 60_000;

    /** A member that was killed holds up its group for 45 s. */
    private static final Duration JOIN_MAX = Duration.ofSeconds(60);

    /** Without a rejection for this long, every signal was accepted or given up. */
    private static final Duration IDLE = Duration.ofSeconds(10);

    private static final String ATTEMPTS = "resend-attempts";

    public static void main(String[] args) throws Exception {
        String tenant = args[1];
        int count = Integer.parseInt(args[2]);
        String signals = args.length > 3 ? args[3] : "signals";
        String quotaExceeded = args.length > 4 ? args[4] : "quota-exceeded";
        Map<String, Object> producerConfig = Map.of("bootstrap.servers", args[0], "acks", "all");
        Map<String, Object> consumerConfig = Map.of(
                "bootstrap.servers",
                args[0],
                "group.id",
                "example-java-" + tenant,
                "auto.offset.reset",
                "earliest",
                "enable.auto.commit",
                false,
                "isolation.level",
                "read_committed",
                // Few enough that the time between two polls stays below max.poll.interval.ms if each record waits.
                "max.poll.records",
                4);
        int resent = 0;
        int givenUp = 0;
        var bytes = new ByteArrayDeserializer();
        var serializer = new ByteArraySerializer();
        try (var producer = new KafkaProducer<>(producerConfig, serializer, serializer);
                var consumer = new KafkaConsumer<>(consumerConfig, bytes, bytes)) {
            for (int i = 0; i < count; i++) {
                byte[] value = utf8("{\"signal\":\"view\",\"item\":\"java-%d\"}".formatted(i));
                var signal = new ProducerRecord<byte[], byte[]>(signals, value);
                signal.headers().add("tidegate-tenant", utf8(tenant));
                producer.send(signal).get(); // throws if Kafka does not have the signal: Tidegate will never see it
            }
            consumer.subscribe(List.of(quotaExceeded));
            boolean joined = false;
            long deadline = System.nanoTime() + JOIN_MAX.toNanos();
            while (System.nanoTime() - deadline < 0) {
                var records = consumer.poll(Duration.ofMillis(500));
                if (!joined && !consumer.assignment().isEmpty()) {
                    joined = true;
                    deadline = System.nanoTime() + IDLE.toNanos();
                }
                for (ConsumerRecord<byte[], byte[]> rejected : records) {
                    if (tenant.equals(text(rejected, "tidegate.tenant"))) {
                        if (isWorthRetrying(rejected)) {
                            // Each delay is the time to the next token: one after the other, signals do not exceed the rate.
                            Thread.sleep(Long.parseLong(text(rejected, "tidegate.retry_after_ms")));
                            producer.send(copy(rejected, signals)).get();
                            resent++;
                        } else {
                            System.err.println(
                                    text(rejected, "tidegate.reason") + ": " + text(rejected, "tidegate.message"));
                            givenUp++;
                        }
                        deadline = System.nanoTime() + IDLE.toNanos();
                    }
                    // Committed after the send: after a crash, the signal is sent twice rather than lost.
                    consumer.commitSync(Map.of(
                            new TopicPartition(rejected.topic(), rejected.partition()),
                            new OffsetAndMetadata(rejected.offset() + 1)));
                }
            }
            if (!joined) {
                throw new IllegalStateException("the group assigned no partition of %s to this client within %d s"
                        .formatted(quotaExceeded, JOIN_MAX.toSeconds()));
            }
        } catch (KafkaException e) { // for example, an ACL does not let this client read the topic
            System.err.println(e);
            System.exit(1);
        }
        System.out.printf("sent %d, sent again %d, given up %d%n", count, resent, givenUp);
        System.exit(givenUp == 0 ? 0 : 1);
    }

    private static boolean isWorthRetrying(ConsumerRecord<byte[], byte[]> rejected) {
        String retryAfterMs = text(rejected, "tidegate.retry_after_ms");
        return retryAfterMs != null && Long.parseLong(retryAfterMs) <= WAIT_MAX_MS && attempts(rejected) < ATTEMPTS_MAX;
    }

    /** The signal as it was first sent, without Tidegate's headers. */
    private static ProducerRecord<byte[], byte[]> copy(ConsumerRecord<byte[], byte[]> rejected, String topic) {
        var copy = new ProducerRecord<>(topic, rejected.key(), rejected.value());
        for (Header header : rejected.headers()) {
            if (!header.key().startsWith("tidegate.") && !header.key().equals(ATTEMPTS)) {
                copy.headers().add(header);
            }
        }
        copy.headers().add(ATTEMPTS, utf8(Integer.toString(attempts(rejected) + 1)));
        return copy;
    }

    /** How often the signal was sent again. Every producer can set the header: if it is not a number, that was often enough. */
    private static int attempts(ConsumerRecord<byte[], byte[]> rejected) {
        String attempts = text(rejected, ATTEMPTS);
        if (attempts == null) {
            return 0;
        }
        return attempts.matches("[0-9]{1,4}") ? Integer.parseInt(attempts) : ATTEMPTS_MAX;
    }

    private static String text(ConsumerRecord<byte[], byte[]> record, String name) {
        Header header = record.headers().lastHeader(name);
        return header == null || header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
