package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.contract.RecordSizes;
import io.tidegate.signal.WriterSchemas;
import io.tidegate.signal.WriterSchemas.SchemaLookup;
import io.tidegate.topologytests.driver.TopologyFixture.Draft;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Events of other formats, with the settings that docs/events.md gives for them. */
class EventFormatsTest {
    private static final String WEB_EVENT = "A web analytics event";
    private static final String CLOUD_EVENT = "A CloudEvent";
    private static final String AVRO = "An Avro order";
    private static final String PROTOBUF = "Protobuf, encrypted or compressed values";

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    /** The settings in one block of one section of the page. */
    private static Settings documented(String section, int block) throws IOException {
        String text = page(section, "properties", block);
        Properties properties = new Properties();
        properties.load(new StringReader(text));
        Map<String, String> flags = new HashMap<>();
        properties.forEach((key, value) -> flags.put((String) key, (String) value));
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private static String page(String section, String language, int block) throws IOException {
        String page = Files.readString(Path.of("../docs/events.md"));
        Matcher blocks = Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL)
                .matcher(page.substring(page.indexOf("### " + section)));
        for (int i = 0; i <= block; i++) {
            assertThat(blocks.find()).isTrue();
        }
        return blocks.group(1);
    }

    private TopologyFixture start(Settings settings) {
        TopologyFixture topology = TopologyFixture.in(dir)
                .tenantSource(settings.tenantSource())
                .mapping(settings.signalMapping())
                .start();
        topology.config("42", "\"max_entities\":4");
        return topology;
    }

    private static long entities(TopologyFixture topology) {
        return topology.entities("42");
    }

    @Test
    void aWebAnalyticsEventIsAboutEachItemOfItsArray() throws IOException {
        try (TopologyFixture topology = start(documented(WEB_EVENT, 0))) {
            String event = page(WEB_EVENT, "json", 0);
            Outcome accepted = topology.send(record(event).now());
            assertThat(accepted.verdict()).isEqualTo(ACCEPTED);
            assertThat(accepted.key()).isEqualTo("42:0");
            assertThat(entities(topology)).isEqualTo(4);
            assertThat(topology.send(record(event).now()).verdict())
                    .as("known entities pass")
                    .isEqualTo(ACCEPTED);

            Outcome rejected =
                    topology.send(record(event.replace("sock-3", "sock-4")).now());
            assertThat(rejected.verdict()).isEqualTo("entity_limit");
            assertThat(TopologyFixture.text(rejected.record().value())).isEqualTo(event.replace("sock-3", "sock-4"));
            assertThat(entities(topology)).as("all or nothing").isEqualTo(4);
        }
    }

    @Test
    void aStructuredCloudEventHasItsAttributesInTheValue() throws IOException {
        try (TopologyFixture topology = start(documented(CLOUD_EVENT, 0))) {
            Outcome accepted =
                    topology.send(record(page(CLOUD_EVENT, "json", 0)).now());
            assertThat(accepted.key()).isEqualTo("42:0");
            assertThat(entities(topology)).as("the subject and the customer").isEqualTo(2);

            Outcome missing = topology.send(
                    record("{\"specversion\":\"1.0\",\"tenant_id\":42}").now());
            assertThat(missing.verdict()).isEqualTo("tenant_missing");
            assertThat(missing.header("tidegate.message")).startsWith("the value has no field tenant;");
        }
    }

    private static Draft binary(byte[] value) {
        return record(value)
                .header("ce_specversion", "1.0")
                .header("ce_type", "order.created")
                .header("ce_subject", "order-9");
    }

    @Test
    void aBinaryCloudEventHasItsAttributesInHeadersAndAnyBytesAsItsValue() throws IOException {
        byte[] value = {0, -1, '{', 1};
        try (TopologyFixture topology = start(documented(CLOUD_EVENT, 1))) {
            Outcome accepted =
                    topology.send(binary(value).header("ce_tenant", "42").now());
            assertThat(accepted.key()).isEqualTo("42:0");
            assertThat(accepted.record().value()).isEqualTo(value);
            assertThat(entities(topology)).isEqualTo(1);
            assertThat(topology.wal("42").get(0).value()).isEqualTo(value);

            Outcome missing = topology.send(binary(value).now());
            assertThat(missing.verdict()).isEqualTo("tenant_missing");
            assertThat(missing.header("tidegate.message")).startsWith("the header 'ce_tenant' is missing;");
            assertThat(missing.record().value()).isEqualTo(value);
            assertThat(topology.send(binary(value).header("ce_tenant", "acme").now())
                            .verdict())
                    .as("a name that no tenant has")
                    .isEqualTo("tenant_unknown");
            assertThat(topology.send(binary(value).header("ce_tenant", "007").now())
                            .verdict())
                    .isEqualTo("tenant_invalid");
        }
    }

    @Test
    void anOpaqueValueIsJudgedByItsKeyAndHeaders() throws IOException {
        try (TopologyFixture topology = start(documented(PROTOBUF, 0))) {
            for (byte[] value : new byte[][] {{8, 1}, {}, TopologyFixture.bytes("{\"tenant_id\":7")}) {
                Outcome accepted = topology.send(
                        record(value).key("42").header("user-id", "u-1").now());
                assertThat(accepted.verdict()).isEqualTo(ACCEPTED);
                assertThat(accepted.record().value()).isEqualTo(value);
            }
            assertThat(entities(topology)).isEqualTo(1);
            assertThat(topology.wal("42")).hasSize(3);
            Outcome deletion = topology.send(record((byte[]) null).key("42").now());
            assertThat(deletion.verdict()).isEqualTo("malformed");
            assertThat(topology.send(record(new byte[] {1}).now()).header("tidegate.message"))
                    .startsWith("the key is missing;");
        }
    }

    /** Envelopes do not carry long ids, so admit reads headers and key again. */
    @Test
    void longIdsOfHeadersAreReadAgainByAdmit() throws IOException {
        try (TopologyFixture topology = start(documented(CLOUD_EVENT, 1))) {
            Draft draft = record(new byte[] {1}).header("ce_tenant", "42");
            for (int i = 0; i < 3; i++) {
                draft = draft.header("ce_subject", ("" + i).repeat(512));
            }
            assertThat(topology.send(draft.now()).verdict()).isEqualTo(ACCEPTED);
            assertThat(entities(topology)).isEqualTo(3);
        }
    }

    @Test
    void moreEntitiesThanASignalCanNameAreADeadLetter() throws IOException {
        try (TopologyFixture topology = start(documented(WEB_EVENT, 0))) {
            topology.config("42", "");
            List<String> skus =
                    IntStream.range(0, 257).mapToObj(i -> "\"" + i + "\"").toList();
            String most = skus.subList(0, 256).stream().collect(Collectors.joining(","));
            String event = "{\"site\":{\"account\":42},\"cart\":{\"skus\":[%s]}}";
            assertThat(topology.send(record(event.formatted(most)).now()).verdict())
                    .isEqualTo(ACCEPTED);
            assertThat(entities(topology)).isEqualTo(256);

            Outcome more = topology.send(
                    record(event.formatted(String.join(",", skus))).now());
            assertThat(more.verdict()).isEqualTo("malformed");
            assertThat(more.header("tidegate.message")).isEqualTo("the signal names more than 256 entities");
        }
    }

    @Test
    void anotherTenantAtThePointerIsASpoofWhereTheTenantIsTrusted() {
        Settings settings =
                SettingsLoader.load(null, Map.of(), Map.of("tenant.source", "header", "signal.tenant", "/account/id"));
        try (TopologyFixture topology = start(settings)) {
            String event = "{\"account\":{\"id\":\"7\"},\"tenant_id\":42}";
            Outcome spoof =
                    topology.send(record(event).header("tidegate-tenant", "42").now());
            assertThat(spoof.verdict()).isEqualTo("tenant_mismatch");
            assertThat(spoof.header("tidegate.tenant")).isEqualTo("42");
            Outcome accepted = topology.send(record(event.replace("\"7\"", "42"))
                    .header("tidegate-tenant", "42")
                    .now());
            assertThat(accepted.key()).isEqualTo("42:0");
        }
    }

    private static byte[] framed(int id, Schema schema, GenericRecord record) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(id).array());
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
        new GenericDatumWriter<GenericRecord>(schema).write(record, encoder);
        encoder.flush();
        return bytes.toByteArray();
    }

    private static GenericRecord order(Schema schema, List<String> skus) {
        Schema accountSchema = schema.getField("account").schema();
        GenericRecord account = new GenericData.Record(accountSchema);
        account.put("id", 42L);
        account.put("customer", "c-5");
        GenericRecord order = new GenericData.Record(schema);
        order.put("order", "o-1");
        order.put("kind", new GenericData.EnumSymbol(schema.getField("kind").schema(), "PAID"));
        order.put("account", account);
        order.put("skus", skus);
        return order;
    }

    private TopologyFixture startAvro(Schema schema) throws IOException {
        Settings settings = documented(AVRO, 0);
        WriterSchemas schemas = id -> id == 7
                ? new SchemaLookup.Usable(schema)
                : new SchemaLookup.Unusable("is not known to the schema registry");
        return TopologyFixture.in(dir)
                .tenantSource(settings.tenantSource())
                .mapping(settings.signalMapping())
                .schemas(schemas)
                .start();
    }

    @Test
    void anAvroOrderIsReadWithItsSchema() throws IOException {
        Schema schema = new Schema.Parser().parse(page(AVRO, "json", 0));
        try (TopologyFixture topology = startAvro(schema)) {
            topology.config("42", "\"max_entities\":3");
            byte[] value = framed(7, schema, order(schema, List.of("shoe-1", "sock-3")));

            Outcome accepted = topology.send(record(value).now());
            assertThat(accepted.verdict()).isEqualTo(ACCEPTED);
            assertThat(accepted.key()).isEqualTo("42:0");
            assertThat(accepted.record().value()).isEqualTo(value);
            assertThat(entities(topology)).isEqualTo(3);
            assertThat(topology.wal("42").get(0).value()).isEqualTo(value);

            byte[] more = framed(7, schema, order(schema, List.of("hat-4")));
            assertThat(topology.send(record(more).now()).verdict()).isEqualTo("entity_limit");
        }
    }

    @Test
    void whatIsNoAvroOrderIsADeadLetterWithItsReason() throws IOException {
        Schema schema = new Schema.Parser().parse(page(AVRO, "json", 0));
        try (TopologyFixture topology = startAvro(schema)) {
            topology.config("42", "");
            byte[] value = framed(7, schema, order(schema, List.of("shoe-1")));

            Outcome json = topology.send(record("{\"tenant_id\":42}").now());
            assertThat(json.verdict()).isEqualTo("avro_framing");
            byte[] other = framed(8, schema, order(schema, List.of("shoe-1")));
            Outcome unknown = topology.send(record(other).now());
            assertThat(unknown.verdict()).isEqualTo("schema_unknown");
            assertThat(unknown.record().value()).isEqualTo(other);
            assertThat(unknown.header("tidegate.message")).isEqualTo("schema id 8 is not known to the schema registry");
            Outcome truncated =
                    topology.send(record(Arrays.copyOf(value, value.length - 1)).now());
            assertThat(truncated.verdict()).isEqualTo("avro_undecodable");
            assertThat(topology.send(record(value).now()).verdict()).isEqualTo(ACCEPTED);
        }
    }

    /** Without the ids in the envelope, admit would need the schema to read them again. */
    @Test
    void allIdsOfAnAvroValueTravelWithItToAdmit() throws IOException {
        Schema schema = new Schema.Parser().parse(page(AVRO, "json", 0));
        AtomicInteger asked = new AtomicInteger();
        Settings settings = documented(AVRO, 0);
        try (TopologyFixture topology = TopologyFixture.in(dir)
                .mapping(settings.signalMapping())
                .sizes(new RecordSizes(100_000, 100_000))
                .schemas(id -> {
                    asked.incrementAndGet();
                    return new SchemaLookup.Usable(schema);
                })
                .start()) {
            topology.config("42", "");
            List<String> skus = IntStream.range(0, 100)
                    .mapToObj(i -> "%03d".formatted(i).repeat(100))
                    .toList();
            assertThat(topology.send(record(framed(7, schema, order(schema, skus)))
                                    .now())
                            .verdict())
                    .isEqualTo(ACCEPTED);
            assertThat(entities(topology)).isEqualTo(101);
            assertThat(asked).as("by route alone").hasValue(1);

            List<String> most = IntStream.range(0, 200)
                    .mapToObj(i -> "%03d".formatted(i).repeat(100))
                    .toList();
            Outcome noRoom =
                    topology.send(record(framed(7, schema, order(schema, most))).now());
            assertThat(noRoom.verdict()).isEqualTo("too_large");
            assertThat(noRoom.header("tidegate.tenant")).isEqualTo("42");
        }
    }
}
