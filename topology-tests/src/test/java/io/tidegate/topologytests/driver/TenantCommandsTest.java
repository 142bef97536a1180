package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EVENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.TENANT_COMMANDS;
import static io.tidegate.topologytests.driver.TopologyFixture.WAL_SEGMENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static io.tidegate.topologytests.driver.TopologyFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.admission.OpenSegment;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.UnknownTenants;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands on a tenant's state, and the events of its quotas. */
class TenantCommandsTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private Path dir;

    private TopologyFixture tidegate;

    @BeforeEach
    void start() {
        tidegate = TopologyFixture.in(dir).segmentBytes(1_000).start();
    }

    @AfterEach
    void stop() {
        tidegate.close();
    }

    private List<JsonNode> command(String tenant, String json) {
        tidegate.read(QUOTA_EVENTS);
        tidegate.pipe(
                TENANT_COMMANDS,
                record(json)
                        .key(tenant)
                        .header(TidegateHeaders.COMMAND_ID, "c1")
                        .header(TidegateHeaders.BY, "cli:kim")
                        .now());
        List<JsonNode> events = new ArrayList<>();
        for (TestRecord<byte[], byte[]> event : tidegate.read(QUOTA_EVENTS)) {
            JsonNode value = json(event.value());
            if (!value.at("/event").asText().startsWith("quota_")) {
                assertThat(TidegateHeaders.text(event.headers(), TidegateHeaders.COMMAND_ID))
                        .isEqualTo("c1");
                assertThat(value.at("/by").asText()).isEqualTo("cli:kim");
            } else {
                assertThat(value.has("by")).isFalse();
            }
            events.add(value);
        }
        return events;
    }

    private List<JsonNode> events() {
        return tidegate.read(QUOTA_EVENTS).stream()
                .map(event -> json(event.value()))
                .toList();
    }

    private static JsonNode json(byte[] value) {
        try {
            return JSON.readTree(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private TenantUsage usage() {
        List<TestRecord<byte[], byte[]>> written = tidegate.readChangelog("usage");
        return TenantUsage.read(written.get(written.size() - 1).value());
    }

    /** Starts the topology again with segments of one record. */
    private void startWithASegmentPerRecord() {
        tidegate.close();
        tidegate = TopologyFixture.in(dir.resolve("other")).segmentBytes(1).start();
    }

    @Test
    void pruningFreesTheQuotaAtOnceAndReachesTheWal() {
        startWithASegmentPerRecord();
        tidegate.config("42", "");
        for (int i = 0; i < 10; i++) {
            assertThat(tidegate.send("42", T0).verdict()).isEqualTo(ACCEPTED);
        }
        TenantUsage full = usage();
        assertThat(full.sealedSegments()).isEqualTo(10);
        tidegate.config("42", "\"max_storage_bytes\":" + full.sealedBytes());
        assertThat(tidegate.send("42", T0).verdict()).isEqualTo("storage_limit");
        tidegate.read(WAL_SEGMENTS);

        List<JsonNode> events = command("42", "{\"command\":\"prune-wal\",\"below_seq\":8}");

        assertThat(events.get(0).at("/event").asText()).isEqualTo("command_done");
        assertThat(events.get(0).at("/below_seq").asLong()).isEqualTo(8);
        assertThat(events.get(0).at("/segments").asLong()).isEqualTo(8);
        assertThat(events.get(0).at("/bytes").asLong()).isEqualTo(full.sealedBytes() / 10 * 8);
        assertThat(events.get(1).at("/event").asText()).isEqualTo("quota_left");
        List<TestRecord<byte[], byte[]>> accepted = tidegate.read(SIGNALS_ACCEPTED);
        assertThat(accepted).singleElement().satisfies(prune -> {
            assertThat(text(prune.key())).isEqualTo("42:8");
            assertThat(prune.value()).isNull();
            assertThat(TidegateHeaders.text(prune.headers(), "tidegate.command"))
                    .isEqualTo("prune-wal");
        });
        assertThat(tidegate.read(WAL_SEGMENTS))
                .isNotEmpty()
                .allSatisfy(tombstone -> assertThat(tombstone.value()).isNull());
        TenantUsage usage = usage();
        assertThat(usage.sealedBytes()).isEqualTo(full.sealedBytes() / 10 * 2);
        assertThat(usage.prunedBelow()).isEqualTo(8);
        assertThat(tidegate.send("42", T0).verdict()).isEqualTo(ACCEPTED);
    }

    @Test
    void aSignalAfterAPruneOfEverythingBeginsASegmentThatCountsFromIt() {
        tidegate.config("42", "");
        assertThat(tidegate.send("42", T0).verdict()).isEqualTo(ACCEPTED);
        OpenSegment open = usage().openSegment();
        assertThat(open.firstSeq()).isZero();
        JsonNode done =
                command("42", "{\"command\":\"prune-wal\",\"below_seq\":1}").get(0);
        assertThat(done.at("/segments").asLong()).isEqualTo(1);
        assertThat(done.at("/bytes").asLong()).isEqualTo(open.bytes()).isPositive();
        assertThat(usage().openSegment().isOpen()).isFalse();
        tidegate.read(SIGNALS_ACCEPTED);

        TestRecord<byte[], byte[]> next = tidegate.send("42", T0).record();

        assertThat(next.headers().lastHeader("tidegate.segment")).isNotNull();
        assertThat(usage().openSegment().firstSeq()).isEqualTo(1);
    }

    @Test
    void pruningReachesNoFurtherThanTheNextSequenceNumber() {
        tidegate.config("42", "");
        tidegate.send("42", T0);
        List<JsonNode> events = command("42", "{\"command\":\"prune-wal\",\"below_seq\":9000}");
        assertThat(events)
                .singleElement()
                .satisfies(done -> assertThat(done.at("/below_seq").asLong()).isEqualTo(1));
        assertThat(tidegate.read(SIGNALS_ACCEPTED)).hasSize(1);
        tidegate.send("42", T0);
        assertThat(usage().lastSeq()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void forgettingAnEntityMakesRoomForExactlyOne(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int max = 70;
        tidegate.config("42", "\"max_entities\":" + max);
        Set<Integer> model = new LinkedHashSet<>();
        for (int step = 0; step < 260; step++) {
            int item = random.nextInt(120);
            if (step > 100 && random.nextInt(4) == 0) {
                List<JsonNode> events =
                        command("42", "{\"command\":\"forget-entity\",\"kind\":\"item\",\"id\":%d}".formatted(item));
                assertThat(events.get(0).at("/found").asBoolean())
                        .as("seed %d, step %d", seed, step)
                        .isEqualTo(model.remove(item));
            } else {
                boolean fits = model.contains(item) || model.size() < max;
                assertThat(tidegate.send("42", T0, "\"item\":" + item).verdict())
                        .as("seed %d, step %d", seed, step)
                        .isEqualTo(fits ? ACCEPTED : "entity_limit");
                if (fits) {
                    model.add(item);
                }
            }
        }
        assertThat(usage().entityCount()).isEqualTo(model.size());
    }

    @Test
    void forgetsAnEntityOfItsKindOnly() {
        tidegate.config("42", "");
        tidegate.send("42", T0, "\"item\":7", "\"user\":7");
        assertThat(command("42", "{\"command\":\"forget-entity\",\"kind\":\"creator\",\"id\":\"7\"}")
                        .get(0)
                        .at("/found")
                        .asBoolean())
                .isFalse();
        assertThat(command("42", "{\"command\":\"forget-entity\",\"kind\":\"user\",\"id\":\"7\"}")
                        .get(0)
                        .at("/found")
                        .asBoolean())
                .isTrue();
        assertThat(usage().entityCount()).isEqualTo(1);
    }

    @Test
    void deletingATenantLeavesOnlyItsSequenceNumbers() {
        startWithASegmentPerRecord();
        tidegate.config("42", "\"max_signals_per_sec\":100");
        tidegate.send("42", T0, "\"item\":1", "\"user\":2");
        tidegate.send("42", T0, "\"item\":3");
        long bytes = usage().sealedBytes();
        assertThat(command("42", "{\"command\":\"delete-tenant\"}"))
                .singleElement()
                .satisfies(rejected -> {
                    assertThat(rejected.at("/event").asText()).isEqualTo("command_failed");
                    assertThat(rejected.at("/message").asText()).contains("still has a config");
                });
        tidegate.configRecord(bytes("42"), null);
        tidegate.read(WAL_SEGMENTS);

        List<JsonNode> events = command("42", "{\"command\":\"delete-tenant\"}");

        assertThat(events)
                .extracting(event -> event.at("/event").asText())
                .containsExactly("tenant_deleted", "command_done");
        JsonNode report = events.get(0);
        assertThat(report.at("/entities/item").asLong()).isEqualTo(2);
        assertThat(report.at("/entities/user").asLong()).isEqualTo(1);
        assertThat(report.at("/segments").asLong()).isEqualTo(2);
        assertThat(report.at("/bytes").asLong()).isEqualTo(bytes);
        assertThat(report.at("/accepted").asLong()).isEqualTo(2);
        assertThat(report.at("/next_seq").asLong()).isEqualTo(2);
        assertThat(tidegate.read(SIGNALS_ACCEPTED)).singleElement().satisfies(prune -> {
            assertThat(text(prune.key())).isEqualTo("42:2");
            assertThat(prune.value()).isNull();
            assertThat(TidegateHeaders.text(prune.headers(), "tidegate.command"))
                    .isEqualTo("delete-tenant");
        });
        assertThat(tidegate.readChangelog("entities"))
                .last()
                .satisfies(chunk -> assertThat(chunk.value()).isNull());
        TenantUsage left = usage();
        assertThat(left.entityCount()).isZero();
        assertThat(left.sealedBytes()).isZero();

        // It returns as a new tenant, whose sequence numbers continue.
        tidegate.config("42", "\"max_entities\":2");
        assertThat(tidegate.send("42", T0, "\"item\":8", "\"user\":9").verdict())
                .isEqualTo(ACCEPTED);
        assertThat(tidegate.wal("42")).extracting(signal -> signal.seq()).containsExactly(2L);
        assertThat(usage().sealedSegments()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "42; {\"command\":\"prune\"}; command is not one of",
                "42; {\"command\":\"prune-wal\"}; below_seq is not",
                "42; {\"command\":\"prune-wal\",\"below_seq\":-1}; cannot be negative",
                "42; {\"command\":\"prune-wal\",\"below_seq\":1e99}; below_seq is not",
                "42; {\"command\":\"prune-wal\",\"below_seq\":1,\"x\":1}; has a field that",
                "42; {\"command\":\"prune-wal\",\"below_seq\":1,\"below_seq\":2}; not a JSON object",
                "42; {\"command\":\"forget-entity\",\"kind\":\"x\",\"id\":1}; kind is not one of",
                "42; {\"command\":\"forget-entity\",\"kind\":\"item\"}; id is not",
                "42; {\"command\":\"forget-entity\",\"kind\":\"item\",\"id\":\"\"}; id is not",
                "42; nonsense; not a JSON object",
                "042; {\"command\":\"delete-tenant\"}; the key is not"
            })
    void answersABadCommandAndContinues(String key, String json, String why) {
        assertThat(command(key, json)).singleElement().satisfies(event -> {
            assertThat(event.at("/event").asText()).isEqualTo("command_failed");
            assertThat(event.at("/message").asText()).contains(why);
        });
        tidegate.config("42", "");
        assertThat(tidegate.send("42", T0).verdict()).isEqualTo(ACCEPTED);
    }

    @Test
    void reportsOnceThatAQuotaIsNearlyUsedAndOnceThatItNoLongerIs() {
        tidegate.config("42", "\"max_entities\":10");
        for (int i = 0; i < 20; i++) {
            tidegate.send("42", T0 + i, "\"item\":" + i);
        }
        assertThat(events())
                .extracting(event -> "%s %s %d"
                        .formatted(
                                event.at("/event").asText(),
                                event.at("/quota").asText(),
                                event.at("/level").asInt()))
                .containsExactly(
                        "quota_reached entities 80", "quota_reached entities 90", "quota_reached entities 100");
        // 10 of 11 is 90 %. Within 5 points below 100 the level would stay, so it falls to 90.
        tidegate.config("42", "\"max_entities\":11");
        tidegate.send("42", T0, "\"item\":1");
        assertThat(events()).singleElement().satisfies(event -> {
            assertThat(event.at("/event").asText()).isEqualTo("quota_left");
            assertThat(event.at("/level").asInt()).isEqualTo(90);
            assertThat(event.at("/level_before").asInt()).isEqualTo(100);
            assertThat(event.at("/percent").asInt()).isEqualTo(90);
            assertThat(event.at("/used").asInt()).isEqualTo(10);
            assertThat(event.at("/limit").asInt()).isEqualTo(11);
        });
        tidegate.send("42", T0, "\"item\":1");
        assertThat(events()).isEmpty();
    }

    @Test
    void reportsARateSustainedAboveItsLimitButNotASingleBurst() {
        tidegate.config("42", "\"max_signals_per_sec\":2");
        for (int i = 0; i < 10; i++) {
            tidegate.send("42", T0);
        }
        tidegate.send("42", T0 + 10_000);
        assertThat(events()).as("10 of 20 signals in ten seconds").isEmpty();
        for (int i = 0; i < 19; i++) {
            tidegate.send("42", T0 + 10_000 + i * 500L);
        }
        tidegate.send("42", T0 + 20_000);
        assertThat(events()).singleElement().satisfies(event -> {
            assertThat(event.at("/quota").asText()).isEqualTo("rate");
            assertThat(event.at("/level").asInt()).isEqualTo(100);
            assertThat(event.at("/used").asInt()).isEqualTo(20);
            assertThat(event.at("/limit").asInt()).isEqualTo(20);
        });
        tidegate.send("42", T0 + 60_000);
        assertThat(events())
                .singleElement()
                .satisfies(event -> assertThat(event.at("/level").asInt()).isZero());
    }

    @Test
    void anUnknownTenantThatIsOnlyRejectedLeavesNoState() {
        tidegate.close();
        tidegate = TopologyFixture.in(dir.resolve("unknown"))
                .unknown(UnknownTenants.DEFAULT_CONFIG)
                .start();
        tidegate.config("0", "\"max_signals_per_sec\":0,\"max_entities\":0");
        for (int tenant = 1; tenant <= 20; tenant++) {
            assertThat(tidegate.send(Integer.toString(tenant), T0).verdict()).isEqualTo("rate_limited");
        }
        assertThat(tidegate.readChangelog("usage")).isEmpty();
        assertThat(events()).isEmpty();
    }
}
