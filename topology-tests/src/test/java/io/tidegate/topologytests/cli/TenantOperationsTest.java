package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.cli.InProcess;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command line and the HTTP API are two faces of one set of operations on tenants. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class TenantOperationsTest {
    private static final JsonMapper JSON = new JsonMapper();

    /** The config that is stored before an operation; null for none. The tenant's id replaces ID. */
    private static final String OWN =
            "{\"tenant_id\":ID,\"max_signals_per_sec\":50,\"burst_signals\":60,\"label\":\"Own\"}";

    private static final String BLOCKED =
            "{\"tenant_id\":ID,\"max_entities\":9,\"blocked_until\":\"2100-01-01T00:00:00Z\"}";
    private static final String UNREADABLE = "{\"tenant_id\":ID,\"max_signals_per_sec\":-1}";
    private static final String OTHERS = "{\"tenant_id\":1}";

    /**
     * An operation through both faces.
     *
     * @param command the arguments of the command line, without the tenant
     * @param method of HTTP
     * @param path below the tenant's
     * @param body of the request
     */
    private record Operation(
            List<String> command,
            String method,
            String path,
            @Nullable String body) {}

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;

    private int nextTenant = 7_001;

    @BeforeAll
    static void start() throws Exception {
        broker = EmbeddedBroker.start(
                temp.resolve("broker"),
                0,
                Map.of("group.streams.session.timeout.ms", "3000", "group.min.session.timeout.ms", "1000"));
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
    }

    private static List<Operation> operations() throws Exception {
        Path file = temp.resolve("config.json");
        String config = "{\"max_signals_per_sec\":500,\"burst_signals\":120,\"max_storage_bytes\":1}";
        Files.writeString(file, config);
        Path unlimited = temp.resolve("unlimited.json");
        Files.writeString(unlimited, "{\"label\":\"Unlimited\"}");
        String until = "2100-06-01T00:00:00Z";
        return List.of(
                new Operation(List.of("set", "--from", file.toString()), "PUT", "", config),
                new Operation(List.of("set", "--from", unlimited.toString()), "PUT", "", "{\"label\":\"Unlimited\"}"),
                new Operation(List.of("unset", "--burst"), "PATCH", "", "{\"burst_signals\":null}"),
                new Operation(List.of("rm"), "DELETE", "", null),
                new Operation(List.of("block", "--until", until), "POST", "/block", "{\"until\":\"" + until + "\"}"),
                new Operation(List.of("unblock"), "POST", "/unblock", "{}"),
                new Operation(List.of("undo"), "POST", "/undo", "{}"),
                new Operation(List.of("undo", "--to", "999999"), "POST", "/undo", "{\"config_offset\":999999}"));
    }

    @Test
    void bothFacesDoTheSameWhereUnknownTenantsAreRejected() throws Exception {
        try (Deployment app =
                new Deployment(broker.bootstrapServers(), "reject", Files.createDirectory(temp.resolve("reject")))) {
            compareAll(app);
        }
    }

    @Test
    void bothFacesDoTheSameWhereUnknownTenantsGetTheDefaultTenantsConfig() throws Exception {
        String setting = "tenants.unknown=default-config";
        try (Deployment app = new Deployment(
                broker.bootstrapServers(), "inherit", Files.createDirectory(temp.resolve("inherit")), setting)) {
            compareAll(app);
            String lost = "warning: the limits of tenant 0 applied to the tenant until now; its own config has no"
                    + " max_signals_per_sec";
            assertThat(command(app, "9001", List.of("set", "--label", "X")).err())
                    .contains(lost);
            assertThat(command(app, "9001", List.of("set", "--label", "Y")).err())
                    .as("has a config")
                    .doesNotContain("warning");
            assertThat(command(app, "9002", List.of("set", "--rate", "1/s")).err())
                    .doesNotContain("warning");
            assertThat(command(app, "9003", List.of("block", "--for", "1h")).err())
                    .as("gets the limits of tenant 0")
                    .doesNotContain("warning");
        }
    }

    @Test
    void theJsonOfOneTenantIsATemplateForAnother() throws Exception {
        try (Deployment app = new Deployment(
                broker.bootstrapServers(), "template", Files.createDirectory(temp.resolve("template")))) {
            app.init();
            List<String> limits = List.of("set", "--rate", "5/s", "--entities", "9", "--label", "Zwölf");
            assertThat(command(app, "42", limits).exit()).isZero();
            List<String> own = List.of("set", "--rate", "1/s", "--label", "Elf", "--external-id", "elf");
            assertThat(command(app, "43", own).exit()).isZero();
            assertThat(command(app, "43", List.of("block", "--until", "2100-01-01T00:00:00Z"))
                            .exit())
                    .isZero();

            InProcess got = command(app, "t42", List.of("get"));
            assertThat(got.exit()).as(got.err()).isZero();
            InputStream before = System.in;
            InProcess set;
            try {
                System.setIn(new ByteArrayInputStream(got.out().getBytes(StandardCharsets.UTF_8)));
                set = command(app, "43", List.of("set", "--from", "-"));
            } finally {
                System.setIn(before);
            }

            assertThat(set.exit()).as(set.err()).isZero();
            assertThat(set.err()).contains("the config is of tenant t42; its limits are used for tenant t43");
            JsonNode copy = JSON.readTree(command(app, "43", List.of("get")).out());
            assertThat(copy.path("tenant_id").asLong()).isEqualTo(43);
            assertThat(copy.path("max_signals_per_sec").asLong()).isEqualTo(5);
            assertThat(copy.path("max_entities").asLong()).isEqualTo(9);
            assertThat(copy.path("label").asText()).isEqualTo("Elf");
            assertThat(copy.at("/external_ids/0").asText()).isEqualTo("elf");
            assertThat(copy.path("blocked_until").asText()).isEqualTo("2100-01-01T00:00:00Z");
            ObjectNode template = (ObjectNode) JSON.readTree(got.out());
            for (String kept : List.of("label", "external_ids", "blocked_until")) {
                template.set(kept, copy.get(kept));
            }
            assertThat(config(copy)).isEqualTo(config(template));
        }
    }

    private void compareAll(Deployment app) throws Exception {
        app.init();
        Http http = Http.of(app.start("a"));
        store(app, "0", "{\"tenant_id\":0,\"max_signals_per_sec\":77}");
        store(app, "1", OTHERS);
        List<String> differences = new ArrayList<>();
        for (Operation operation : operations()) {
            for (String before : new String[] {"", OWN, BLOCKED, UNREADABLE}) {
                compare(app, http, operation, before, differences);
            }
        }
        Operation change =
                new Operation(List.of("set", "--rate", "500/s"), "PATCH", "", "{\"max_signals_per_sec\":500}");
        for (String before : new String[] {OWN, BLOCKED, UNREADABLE}) {
            compare(app, http, change, before, differences);
        }
        plans(app, http, differences);
        assertThat(differences).isEmpty();
        purge(app, http);
    }

    private void plans(Deployment app, Http http, List<String> differences) throws Exception {
        store(app, "plan:pro", "{\"max_signals_per_sec\":9,\"mode\":\"observe\"}");
        store(app, "plan:suspended", "{\"blocked_until\":\"2100-01-01T00:00:00Z\"}");
        Operation join = new Operation(List.of("set", "--plan", "pro"), "PATCH", "", "{\"plan\":\"pro\"}");
        Operation joinStrictly = new Operation(
                List.of("set", "--plan", "pro", "--mode", "enforce"),
                "PATCH",
                "",
                "{\"plan\":\"pro\",\"mode\":\"enforce\"}");
        Operation leave = new Operation(List.of("unset", "--plan"), "PATCH", "", "{\"plan\":null}");
        Operation unblock = new Operation(List.of("unblock"), "POST", "/unblock", "{}");
        for (String before : new String[] {
            OWN,
            BLOCKED,
            UNREADABLE,
            "{\"tenant_id\":ID,\"plan\":\"pro\",\"burst_signals\":5}",
            "{\"tenant_id\":ID,\"plan\":\"suspended\",\"blocked_until\":\"2090-01-01T00:00:00Z\"}"
        }) {
            for (Operation operation : List.of(join, joinStrictly, leave, unblock)) {
                compare(app, http, operation, before, differences);
            }
        }
        String suspended = Integer.toString(nextTenant++);
        store(app, suspended, "{\"tenant_id\":ID,\"plan\":\"suspended\"}");
        assertThat(command(app, suspended, unblock.command()).err())
                .contains("to unblock them: tidegate plans unset suspended --blocked-until");
    }

    private void compare(Deployment app, Http http, Operation operation, String before, List<String> differences)
            throws Exception {
        String ofCommand = Integer.toString(nextTenant++);
        String ofRequest = Integer.toString(nextTenant++);
        if (!before.isEmpty()) {
            store(app, ofCommand, before);
            store(app, ofRequest, before);
        }

        InProcess command = command(app, ofCommand, operation.command());
        Http.Answer answer =
                http.send(operation.method(), "/v1/tenants/" + ofRequest + operation.path(), operation.body());

        String what = "%s on %s".formatted(operation.command(), before);
        int status = answer.status();
        boolean agree = command.exit() == (status == 200 ? 0 : 1)
                && List.of(200, 400, 404, 409).contains(status);
        if (!agree) {
            differences.add("%s: exit %d %s, status %d %s"
                    .formatted(what, command.exit(), command.err(), status, answer.text()));
            return;
        }
        JsonNode json = answer.json();
        if (status == 200) {
            JsonNode result = JSON.readTree(command.out());
            equal(what + ": config", config(result.path("config")), config(json.path("config")), differences);
            equal(
                    what + ": warnings",
                    anonymous(result.path("warnings").toString(), ofCommand),
                    anonymous(json.path("warnings").toString(), ofRequest),
                    differences);
        } else {
            String said = command.err().lines().findFirst().orElse("");
            equal(
                    what + ": message",
                    anonymous(said, ofCommand),
                    anonymous(json.path("detail").asText(), ofRequest),
                    differences);
        }
        equal(what + ": stored", config(stored(http, ofCommand)), config(stored(http, ofRequest)), differences);
    }

    /** The result of the newest change. Records of other programs are not in a tenant's history. */
    private static JsonNode stored(Http http, String tenant) {
        return http.get("/v1/tenants/%s/history".formatted(tenant)).json().at("/changes/0/to");
    }

    private static void equal(String what, Object one, Object other, List<String> differences) {
        if (!one.equals(other)) {
            differences.add("%s: %s, %s".formatted(what, one, other));
        }
    }

    private static JsonNode config(JsonNode config) {
        return config instanceof ObjectNode object ? object.deepCopy().without("tenant_id") : config;
    }

    private static String anonymous(String text, String tenant) {
        return text.replace(tenant, "ID").replaceAll("offset \\d+", "offset N");
    }

    private void purge(Deployment app, Http http) throws Exception {
        while (TenantPartitions.of(TenantId.of(nextTenant), 2) == 0) {
            nextTenant++; // with another number of shards, its commands would be in another partition
        }
        String ofCommand = Integer.toString(nextTenant++);
        String ofRequest = Integer.toString(nextTenant++);
        store(app, ofCommand, OWN);
        store(app, ofRequest, UNREADABLE);

        List<String> otherShards = new ArrayList<>(List.of("tenants", "purge", ofCommand, "--yes"));
        otherShards.addAll(List.of(app.connection()));
        otherShards.addAll(List.of("--set", "shards=1"));
        InProcess wrong = InProcess.run(otherShards.toArray(String[]::new));
        assertThat(wrong.exit()).as(wrong.err()).isEqualTo(1);
        assertThat(wrong.err())
                .contains("the config of tenant t%s is removed, but its data is not deleted yet: ".formatted(ofCommand))
                .contains("tidegate tenants undo " + ofCommand);

        InProcess command = command(app, ofCommand, List.of("purge", "--yes"));
        Http.Answer answer = http.send(
                "POST", "/v1/tenants/%s/purge".formatted(ofRequest), "{\"confirm\":\"%s\"}".formatted(ofRequest));

        assertThat(command.exit()).as(command.err()).isZero();
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        JsonNode result = JSON.readTree(command.out());
        for (String field : List.of("accepted", "segments", "bytes", "next_seq")) {
            assertThat(result.path(field)).as(field).isEqualTo(answer.json().path(field));
        }
        assertThat(command(app, ofCommand, List.of("rm")).exit()).isEqualTo(1);
        assertThat(command(app, ofRequest, List.of("rm")).exit()).isEqualTo(1);
    }

    private static InProcess command(Deployment app, String tenant, List<String> words) {
        List<String> arguments = new ArrayList<>(List.of("tenants", words.get(0), tenant, "-o", "json"));
        arguments.addAll(words.subList(1, words.size()));
        arguments.addAll(List.of(app.connection()));
        return InProcess.run(arguments.toArray(String[]::new));
    }

    private static void store(Deployment app, String tenant, String config) throws Exception {
        try (var producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.bootstrapServers()),
                new StringSerializer(),
                new StringSerializer())) {
            producer.send(new ProducerRecord<>(
                            app.applicationId() + ".configs", 0, tenant, config.replace("ID", tenant)))
                    .get(30, TimeUnit.SECONDS);
        }
    }
}
