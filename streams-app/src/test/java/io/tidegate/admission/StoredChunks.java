package io.tidegate.admission;

import java.util.Map;

/** Stores the chunks of a set as the owner of a tenant does. */
final class StoredChunks {
    private StoredChunks() {}

    /** After each decision. Returns how many chunks were collected. */
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
