package io.tidegate.admission;

import java.util.Map;

/** Stores the chunks of a set, like the owner of a tenant. */
final class StoredChunks {
    private StoredChunks() {}

    /** Stores the changes of a decision. Returns the number of collected chunks. */
    static int changed(EntitySet set, Map<Integer, byte[]> stored) {
        int collected = 0;
        set.writeFull(stored::put);
        for (int due = set.dueChunk(); due >= 0; due = set.dueChunk()) {
            set.collect(stored.remove(due));
            set.writeFull(stored::put);
            collected++;
        }
        return collected;
    }
}
