package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Bucket;
import io.tidegate.admission.Decision;
import io.tidegate.admission.EntityKind;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.StateKeys;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.TaskId;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The four stores of a task. */
class TenantStatesTest {
    private static final long T = 1_700_000_000_000L;
    private static final TenantId T42 = TenantId.of(42);
    private static final int HISTORY = 9;
    private static final int SHORT_HISTORY = 32;
    private static final int HISTORY_BYTES = 84;

    @TempDir
    Path temp;

    private MockProcessorContext<TenantKey, byte[]> context;
    private KeyValueStore<Bytes, byte[]> usages;
    private KeyValueStore<Bytes, byte[]> entities;
    private KeyValueStore<Bytes, byte[]> segments;
    private KeyValueStore<Bytes, byte[]> history;
    private final Admission admission = new Admission(null);

    @BeforeEach
    void open() {
        context = new MockProcessorContext<>(new Properties(), new TaskId(1, 0), temp.toFile());
        usages = store(StateKeys.USAGE);
        entities = store(StateKeys.ENTITIES);
        segments = store(StateKeys.SEGMENTS);
        history = store(StateKeys.HISTORY);
    }

    private KeyValueStore<Bytes, byte[]> store(String name) {
        KeyValueStore<Bytes, byte[]> store = Stores.keyValueStoreBuilder(
                        Stores.inMemoryKeyValueStore(name), Serdes.Bytes(), Serdes.ByteArray())
                .withLoggingDisabled()
                .build();
        store.init(context.getStateStoreContext(), store);
        return store;
    }

    /** The states as a task reads them that takes over. */
    private TenantStates states() {
        return new TenantStates(usages, entities, segments, history, 100, new MemoryShare(1 << 20));
    }

    private static TenantConfig config(long perSec) {
        return new TenantConfig(T42, perSec, 2 * perSec, null, null, List.of(), "", Mode.ENFORCE, null);
    }

    private void accept(TenantUsage usage, long perSec, long atMs, String item) {
        Signal signal = new Signal(null, item, null, null);
        assertThat(admission.admit(config(perSec), usage, signal, 100, atMs)).isInstanceOf(Decision.Accepted.class);
    }

    private List<Bytes> historyKeys() {
        List<Bytes> keys = new ArrayList<>();
        try (var all = history.all()) {
            all.forEachRemaining(entry -> keys.add(entry.key));
        }
        return keys;
    }

    /** Stores the usage as a build does that has a chunk for each history. */
    private void storeOneAcceptanceAsAnOlderBuild() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        accept(usage, 10, T, "a");
        ByteBuffer in = ByteBuffer.wrap(usage.write());
        ByteBuffer out = ByteBuffer.allocate(in.remaining()).put(in.get());
        while (in.hasRemaining()) {
            int start = in.position();
            int tag = in.get();
            byte[] content = new byte[in.getShort()];
            in.get(content);
            if (tag == SHORT_HISTORY) {
                out.put((byte) HISTORY).putShort((short) HISTORY_BYTES).put(content, 0, HISTORY_BYTES);
                int chunk = ByteBuffer.wrap(content).getInt(HISTORY_BYTES);
                history.put(
                        StateKeys.history(T42, Bucket.SIGNALS.key(), chunk),
                        Arrays.copyOfRange(content, HISTORY_BYTES + Integer.BYTES, content.length));
            } else {
                out.put(in.array(), start, in.position() - start);
            }
        }
        usages.put(StateKeys.usage(T42), Arrays.copyOf(out.array(), out.position()));
        usage.entities().writeAll((number, chunk) -> entities.put(StateKeys.entities(T42, number), chunk));
        assertThat(historyKeys()).hasSize(1);
    }

    @Test
    void aShortHistoryMovesFromItsChunkIntoTheUsage() {
        storeOneAcceptanceAsAnOlderBuild();
        TenantStates states = states();
        TenantStates.CachedTenant tenant = states.of(T42);
        accept(tenant.usage(), 10, T + 200, "a");
        states.changed(tenant);
        states.write();

        assertThat(historyKeys()).isEmpty();
        assertThat(states().of(T42).usage().isLate(T + 100)).isTrue();
        assertThat(states().of(T42).usage().isBeyondHistory(T + 100)).isFalse();
    }

    /** A chunk that stayed would be read beside later ones, which the usage counts. */
    @Test
    void forgettingAnEntityLeavesNoChunkOfAHistoryThatMoves() {
        storeOneAcceptanceAsAnOlderBuild();
        TenantStates states = states();

        assertThat(states.forget(states.of(T42), EntityKind.ITEM, "a")).isTrue();

        assertThat(historyKeys()).isEmpty();
        TenantStates after = states();
        TenantStates.CachedTenant tenant = after.of(T42);
        accept(tenant.usage(), 20, T + 61_000, "b");
        for (int i = 1; i <= 40; i++) {
            accept(tenant.usage(), 20, T + 61_000 + 50L * i, "b");
        }
        after.changed(tenant);
        after.write();
        assertThat(historyKeys()).hasSize(1);
        assertThat(states().of(T42).usage().acceptedCount()).isEqualTo(42);
    }
}
