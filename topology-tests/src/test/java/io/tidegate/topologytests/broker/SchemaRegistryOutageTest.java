package io.tidegate.topologytests.broker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.net.httpserver.HttpServer;
import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A schema registry that is not available: signals wait, and nothing is lost, dead-lettered or decided twice. */
@Timeout(600)
final class SchemaRegistryOutageTest {
    private static final Duration NOTICED_WITHIN = Duration.ofSeconds(60);

    /** Because of the growing pauses, this number of lookups takes longer than a transaction may stay open. */
    private static final int LOOKUPS_OF_A_LONG_OUTAGE = 8;

    private static final Schema ORDER = new Schema.Parser()
            .parse(
                    "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"},{\"name\":\"sku\",\"type\":\"string\"}]}");

    @TempDir
    private static Path temp;

    private static BrokerCluster broker;

    private HttpServer registry;
    private volatile boolean isAvailable;
    private final AtomicInteger lookups = new AtomicInteger();

    @BeforeAll
    static void startBroker() throws Exception {
        broker = BrokerCluster.start(temp.resolve("broker"), 1);
    }

    @AfterAll
    static void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    /** Starts a registry with one schema, whose id is 1. */
    @BeforeEach
    void startRegistry() throws IOException {
        registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        registry.createContext("/", exchange -> {
            lookups.incrementAndGet();
            boolean isKnown = exchange.getRequestURI().getPath().equals("/schemas/ids/1");
            int status = !isAvailable ? 503 : isKnown ? 200 : 404;
            byte[] body = (isKnown
                            ? new JsonMapper()
                                    .createObjectNode()
                                    .put("schema", ORDER.toString())
                                    .toString()
                            : "{\"error_code\":40403,\"message\":\"Schema not found\"}")
                    .getBytes(UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/vnd.schemaregistry.v1+json");
            exchange.sendResponseHeaders(status, body.length);
            try (exchange) {
                exchange.getResponseBody().write(body);
            }
        });
        registry.start();
    }

    @AfterEach
    void stopRegistry() {
        registry.stop(0);
    }

    private static byte[] order(int schemaId, int n) {
        GenericRecord order = new GenericData.Record(ORDER);
        order.put("n", n);
        order.put("sku", "sku-" + n);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(schemaId).array());
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
        try {
            new GenericDatumWriter<GenericRecord>(ORDER).write(order, encoder);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    private static void send(Deployment app, int partition, List<byte[]> values) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", app.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<?>> sent = new ArrayList<>();
            for (byte[] value : values) {
                sent.add(producer.send(new ProducerRecord<>(app.signals(), partition, null, value)));
            }
            for (Future<?> one : sent) {
                one.get(30, TimeUnit.SECONDS);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"streams, 60000", "classic, 0"})
    void signalsWaitForTheRegistryAndNothingIsLost(String protocol, String alignmentWaitMs) throws Exception {
        String name = "registry-" + protocol;
        try (Deployment app = new Deployment(
                broker.bootstrapServers(),
                name,
                Files.createDirectory(temp.resolve(name)),
                "group.protocol=" + protocol,
                "alignment.wait.max.ms=" + alignmentWaitMs,
                "signal.format=avro",
                "signal.item=/sku",
                "tenants.missing=default",
                "schema.registry.url=http://127.0.0.1:" + registry.getAddress().getPort())) {
            TidegateProcess instance = app.start("a");
            Http http = Http.of(instance);
            List<byte[]> values = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                values.add(order(1, i));
            }
            values.add(order(2, 50));
            values.add("{}".getBytes(UTF_8));
            send(app, 0, values);

            TidegateProcess.await(
                    NOTICED_WITHIN,
                    "a long outage",
                    instance::logText,
                    () -> lookups.get() >= LOOKUPS_OF_A_LONG_OUTAGE);
            assertThat(http.get("/metrics").text())
                    .contains("tidegate_schema_registry_waited_for 1", "tidegate_thread_failures_total 0")
                    .contains("tidegate_signals_total{outcome=\"dead_lettered\"} 0");
            assertThat(http.get("/v1/status")
                            .json()
                            .at("/instances/0/waits_for")
                            .asText())
                    .contains("answered with status 503");
            assertThat(instance.logText()).contains("partitions wait, their signals stay in Kafka");
            var doctor = app.quick("doctor", "--data-dir", app.dataDir("a"));
            assertThat(doctor.out()).contains("answered with status 503");
            var unexplained = app.quick("signals", "explain", "--max", "3");
            assertThat(unexplained.exit()).isEqualTo(1);
            assertThat(unexplained.err()).contains("answered with status 503").doesNotContain("unexpected failure");
            isAvailable = true;

            app.awaitWal(0, 50);
            var verified = app.verify("a");
            assertThat(verified.at("/tenants/0/in_wal").asLong()).isEqualTo(50);
            assertThat(http.get("/metrics").text())
                    .contains("tidegate_schema_registry_waited_for 0", "tidegate_thread_failures_total 0")
                    .contains("tidegate_dead_letters_total{reason=\"schema_unknown\"} 1")
                    .contains("tidegate_dead_letters_total{reason=\"avro_framing\"} 1");
            assertThat(instance.logText()).contains("the schema registry answers again");
            var explained = app.quick("signals", "explain", "--max", "100");
            assertThat(explained.out())
                    .contains("schema_unknown: schema id 2 is not known to the schema registry")
                    .contains("avro_framing: the value begins with the byte 0x7b");
            var status = app.quick("status", "--url", http.url);
            assertThat(status.out()).doesNotContain("partitions wait");
        }
    }
}
