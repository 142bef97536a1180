package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.QUOTA_EVENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.SIGNALS_ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.TENANT_COMMANDS;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static io.tidegate.topologytests.driver.TopologyFixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.StateKeys;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code entity_idle_ttl} in the whole topology: its state in the stores and their changelogs. */
@Timeout(600)
class IdleEntityStoresTest {
    private static final String CONFIG = "\"max_entities\":150,\"entity_idle_ttl\":\"PT16.384S\"";
    private static final long GRANULE_MS = 1_024;
    private static final long TTL_MS = 16_384;

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private record SentSignal(long atMs, List<String> fields) {}

    /** Repeated ids and unique ids, with times that occasionally step back. */
    private static List<SentSignal> script(int signals) {
        Random random = new Random(7);
        List<SentSignal> script = new ArrayList<>();
        long now = T0;
        for (int i = 0; i < signals; i++) {
            now += random.nextInt(60);
            long at = random.nextInt(5) == 0 ? Math.max(0, now - random.nextInt(20_000)) : now;
            String item = random.nextInt(3) == 0 ? "\"once" + i + "\"" : Integer.toString(random.nextInt(60));
            script.add(new SentSignal(at, List.of("\"item\":" + item, "\"user\":" + random.nextInt(30))));
        }
        return script;
    }

    private static List<String> send(TopologyFixture topology, List<SentSignal> script) {
        List<String> verdicts = new ArrayList<>();
        for (SentSignal one : script) {
            Outcome outcome = topology.send("1", one.atMs(), one.fields().toArray(String[]::new));
            verdicts.add(outcome.verdict() + " " + outcome.header("tidegate.observed"));
        }
        return verdicts;
    }

    private static Map<String, byte[]> content(KeyValueStore<Bytes, byte[]> store) {
        Map<String, byte[]> content = new TreeMap<>();
        try (KeyValueIterator<Bytes, byte[]> all = store.all()) {
            all.forEachRemaining(entry -> content.put(entry.key.toString(), entry.value));
        }
        return content;
    }

    /** A standby only applies the changelogs, and after a takeover the tenant is read from them. */
    @Test
    void aCopyOfTheChangelogsIsTheStateAndDecidesWhatTheOwnerDecides() {
        List<SentSignal> script = script(2_400);
        List<SentSignal> first = script.subList(0, 1_400);
        List<SentSignal> second = script.subList(1_400, script.size());
        List<String> undisturbed;
        try (TopologyFixture topology =
                TopologyFixture.in(dir.resolve("undisturbed")).start()) {
            topology.config("1", CONFIG);
            send(topology, first);
            undisturbed = send(topology, second);
        }
        assertThat(undisturbed).anyMatch(line -> line.startsWith(ACCEPTED)).anyMatch(line -> line.startsWith("entity"));

        Path data = dir.resolve("data");
        Map<String, List<TestRecord<byte[], byte[]>>> changelogs = new HashMap<>();
        try (TopologyFixture owner = TopologyFixture.in(data).start()) {
            owner.config("1", CONFIG);
            send(owner, first);
            for (String store : StateKeys.LOGGED_STORES) {
                changelogs.put(store, owner.readChangelog(store));
                Map<String, byte[]> standby = new TreeMap<>();
                changelogs.get(store).forEach(record -> {
                    String key = Bytes.wrap(record.key()).toString();
                    if (record.value() == null) {
                        standby.remove(key);
                    } else {
                        standby.put(key, record.value());
                    }
                });
                assertThat(standby).as(store).containsExactlyInAnyOrderEntriesOf(content(owner.store(store)));
            }
        }
        assertThat(changelogs.get(StateKeys.ENTITIES))
                .as("chunks were collected")
                .anyMatch(record -> record.value() == null);
        try (TopologyFixture next = TopologyFixture.in(data).cachedTenants(1).start()) {
            changelogs.forEach((name, records) -> {
                KeyValueStore<Bytes, byte[]> store = next.store(name);
                records.forEach(record -> store.put(Bytes.wrap(record.key()), record.value()));
            });
            next.config("1", CONFIG);
            assertThat(send(next, second)).isEqualTo(undisturbed);
        }
    }

    @Test
    void anEntityIsWrittenOnceInAGranuleHoweverOftenItIsNamed() {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("1", CONFIG);
            topology.send("1", T0, "\"item\":1");
            assertThat(topology.readChangelog("entities")).hasSize(1);
            for (int i = 0; i < 20; i++) {
                assertThat(topology.send("1", T0 - T0 % GRANULE_MS + i, "\"item\":1")
                                .verdict())
                        .isEqualTo(ACCEPTED);
            }
            assertThat(topology.readChangelog("entities")).isEmpty();
            topology.send("1", T0 + GRANULE_MS, "\"item\":1");
            assertThat(topology.readChangelog("entities")).hasSize(1);
        }
    }

    @Test
    void aTenantThatIsFullOfIdleEntitiesGetsRoomAndAnEvent() {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("1", "\"max_items\":2,\"entity_idle_ttl\":\"PT16.384S\"");
            topology.send("1", T0, "\"item\":1");
            topology.send("1", T0, "\"item\":2");
            assertThat(topology.send("1", T0 + TTL_MS / 2, "\"item\":3").verdict())
                    .isEqualTo("entity_limit");
            topology.read(QUOTA_EVENTS);
            assertThat(topology.send("1", T0 + TTL_MS + GRANULE_MS, "\"item\":3")
                            .verdict())
                    .isEqualTo(ACCEPTED);
            assertThat(topology.read(QUOTA_EVENTS))
                    .singleElement()
                    .satisfies(event -> assertThat(text(event.value())).contains("quota_left", "\"items\""));
            assertThat(topology.entities("1")).isEqualTo(1);
        }
    }

    @Test
    void turningItOnKeepsWhatIsKnownWithoutWritingItAgain() {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("1", "");
            for (int i = 0; i < 200; i++) {
                topology.send("1", T0, "\"item\":" + i);
            }
            topology.readChangelog("entities");
            topology.config("1", "\"max_entities\":200,\"entity_idle_ttl\":\"PT16.384S\"");
            assertThat(topology.send("1", T0 + 5 * TTL_MS, "\"item\":\"new\"").verdict())
                    .isEqualTo("entity_limit");
            assertThat(topology.readChangelog("entities")).isEmpty();
            assertThat(topology.send("1", T0 + 6 * TTL_MS, "\"item\":7").verdict())
                    .isEqualTo(ACCEPTED);
            assertThat(topology.entities("1")).isEqualTo(200);
            assertThat(topology.send("1", T0 + 6 * TTL_MS + GRANULE_MS, "\"item\":\"new\"")
                            .verdict())
                    .isEqualTo(ACCEPTED);
            assertThat(topology.entities("1")).as("7 and the new one").isEqualTo(2);
        }
    }

    @Test
    void commandsForgetAnEntityInAllItsEntriesAndDeleteATenantWithItsWholeLog() {
        try (TopologyFixture topology = TopologyFixture.in(dir).start()) {
            topology.config("1", CONFIG);
            for (int round = 0; round < 12; round++) {
                for (int item = 0; item < 40; item++) {
                    topology.send("1", T0 + round * GRANULE_MS, "\"item\":" + item);
                }
            }
            assertThat(forget(topology, "1")).contains("\"found\":true");
            assertThat(topology.entities("1")).isEqualTo(39);
            assertThat(forget(topology, "1")).contains("\"found\":false");
            topology.send("1", T0 + 12 * GRANULE_MS, "\"item\":2");
            assertThat(topology.entities("1")).as("read again from the log").isEqualTo(39);

            topology.configRecord(bytes("1"), null);
            topology.read(QUOTA_EVENTS);
            topology.pipe(
                    TENANT_COMMANDS,
                    record("{\"command\":\"delete-tenant\"}").key("1").now());
            assertThat(topology.read(QUOTA_EVENTS))
                    .anyMatch(event ->
                            text(event.value()).contains("\"entities\":{\"item\":39,\"user\":0,\"creator\":0}"));
            assertThat(content(topology.store("entities"))).isEmpty();
            topology.read(SIGNALS_ACCEPTED);
            topology.config("1", CONFIG);
            assertThat(topology.send("1", T0 + 13 * GRANULE_MS, "\"item\":2").verdict())
                    .isEqualTo(ACCEPTED);
            assertThat(topology.entities("1")).isEqualTo(1);
        }
    }

    private static String forget(TopologyFixture topology, String item) {
        topology.read(QUOTA_EVENTS);
        topology.pipe(
                TENANT_COMMANDS,
                record("{\"command\":\"forget-entity\",\"kind\":\"item\",\"id\":%s}".formatted(item))
                        .key("1")
                        .now());
        return text(topology.read(QUOTA_EVENTS).get(0).value());
    }

    /** After the ttl is turned on and everything has expired, the stores still return the last chunk as the tail of the log. */
    @Test
    void aTenantWithoutLivingEntitiesIsReadBackWithItsLog() {
        try (TopologyFixture topology = TopologyFixture.in(dir).cachedTenants(1).start()) {
            topology.config("1", CONFIG);
            topology.config("2", "");
            for (int i = 0; i < 100; i++) {
                topology.send("1", T0, "\"item\":" + i);
            }
            topology.send("1", T0 + 2 * TTL_MS);
            assertThat(topology.entities("1")).isZero();
            topology.send("2", T0);
            topology.send("1", T0 + 2 * TTL_MS, "\"item\":1");
            topology.send("2", T0);
            assertThat(topology.send("1", T0 + 2 * TTL_MS, "\"item\":1").verdict())
                    .isEqualTo(ACCEPTED);
            TenantUsage usage = TenantUsage.read(topology.store("usage")
                    .get(Bytes.wrap(ByteBuffer.allocate(8).putLong(1).array())));
            assertThat(usage.entityCount()).isEqualTo(1);
        }
    }
}
