package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.demo.EmbeddedBroker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What an operator asks before changing something. */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
final class OperatorCommandsTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    Path temp;

    private EmbeddedBroker broker;
    private Deployment app;

    @BeforeEach
    void start() throws Exception {
        broker = EmbeddedBroker.start(
                temp.resolve("broker"),
                0,
                Map.of("group.streams.session.timeout.ms", "3000", "group.min.session.timeout.ms", "1000"));
        app = new Deployment(broker.bootstrapServers(), "ask", temp);
    }

    @AfterEach
    void stop() {
        app.close();
        broker.close();
    }

    @Test
    void theDoctorFindsWhatKeepsAnInstanceFromRunning() throws Exception {
        Files.createDirectories(Path.of(app.dataDir("a")));
        var before = app.tidegate("doctor", "--data-dir", app.dataDir("a"));
        assertThat(before.exit()).as(before.out() + before.err()).isZero();
        assertThat(before.out()).contains("warn  topics    missing: ask.accepted", "fix: tidegate init");

        assertThat(app.tidegate("init").exit()).isZero();
        var healthy = app.tidegate("doctor", "-o", "json", "--data-dir", app.dataDir("a"));
        assertThat(healthy.exit()).as(healthy.out()).isZero();
        assertThat(JSON.readTree(healthy.out()).at("/findings").findValuesAsText("area"))
                .contains("broker", "listener", "features", "topics", "acl", "clock", "disk", "data dir");
        try (var files = Files.list(Path.of(app.dataDir("a")))) {
            assertThat(files).as("the doctor leaves nothing behind").isEmpty();
        }

        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
            admin.incrementalAlterConfigs(Map.of(
                            new ConfigResource(ConfigResource.Type.TOPIC, app.signals()),
                            List.of(new AlterConfigOp(
                                    new ConfigEntry("message.timestamp.type", "CreateTime"),
                                    AlterConfigOp.OpType.SET))))
                    .all()
                    .get();
        }
        var ill = app.tidegate("doctor", "--data-dir", app.dataDir("a"));
        assertThat(ill.exit()).isEqualTo(1);
        assertThat(ill.out())
                .contains("fail  topics    topic ask.signals has message.timestamp.type=CreateTime, it must be"
                        + " LogAppendTime: kafka-configs.sh");
    }

    @Test
    void aDryRunSaysWhatLimitsWouldHaveRefusedAndSetsNothing() throws Exception {
        app.start("a");
        app.set("1", "--label", "One");
        app.awaitUsable("1");
        app.send(200, i -> "{\"tenant_id\":1,\"item\":\"i%d\"}".formatted(i % 20));
        app.verify("a");

        var rate = app.tidegate("tenants", "set", "1", "--rate", "0", "--dry-run");
        assertThat(rate.exit()).as(rate.err()).isZero();
        assertThat(rate.out())
                .matches(
                        "(?s)(20[1-9]|2[1-9]\\d) of \\1 signals of tenant t?1 would have been refused.*rate_limited \\1.*");
        // All twenty items are known by now.
        assertThat(app.tidegate("tenants", "set", "1", "--entities", "5", "--dry-run")
                        .out())
                .startsWith("0 of 2");
        assertThat(app.tidegate("tenants", "set", "1", "--region", "mars", "--dry-run", "--since", "10m")
                        .out())
                .contains("region_not_allowed");
        assertThat(app.tidegate("tenants", "get", "1", "-o", "json").out()).contains("\"max_signals_per_sec\" : null");
    }
}
