package io.tidegate.topology;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueStore;
import org.jspecify.annotations.Nullable;

/**
 * Changes of one store that are written together. RocksDB takes many keys in one call, and finds the place of each near
 * that of the one before if they are sorted.
 *
 * <p>Not thread-safe. Gathered changes must be {@linkplain #flush written} before the store is accessed directly.
 */
final class GatheredWrites {
    private static final int ENTRIES_MAX = 1_000;

    private final KeyValueStore<Bytes, byte[]> store;
    private final List<KeyValue<Bytes, byte[]>> gathered = new ArrayList<>();

    GatheredWrites(KeyValueStore<Bytes, byte[]> store) {
        this.store = store;
    }

    /** @param value null deletes the key */
    void put(Bytes key, byte @Nullable [] value) {
        gathered.add(KeyValue.pair(key, value));
        if (gathered.size() == ENTRIES_MAX) {
            flush();
        }
    }

    void flush() {
        if (!gathered.isEmpty()) {
            store.putAll(gathered);
            gathered.clear();
        }
    }
}
