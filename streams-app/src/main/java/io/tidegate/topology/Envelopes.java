package io.tidegate.topology;

import io.tidegate.contract.Envelope;
import io.tidegate.contract.EnvelopeWriter;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.signal.Signal;
import java.util.Arrays;
import java.util.function.Consumer;
import org.apache.kafka.streams.processor.api.Record;

/**
 * The envelopes that a route task fills, one for each shard. An envelope is sent when it is full and before each
 * commit, so no signal in it outlasts its transaction.
 *
 * <p>Their memory is bounded by shards × {@link Envelope#BYTES_FULL}, plus one signal. Owned by the task's thread.
 */
final class Envelopes {
    private final EnvelopeWriter[] ofShard;
    private final long bytesFull;

    /** Whether the type and ids are carried however large they are. */
    private final boolean carriesAllFound;

    private final Consumer<Record<TenantKey, byte[]>> sender;

    /**
     * Creates an envelope for each shard.
     *
     * @param recordBytesMax the largest record that the topic accepts; an envelope is sent at {@link Envelope#BYTES_FULL}
     *     if that is less
     * @param foundBytesMax the maximum size of the type and ids that a signal carries besides its value
     * @param sender sends an envelope; the record's key has the shard's partition, and no bytes
     */
    Envelopes(int shards, long recordBytesMax, int foundBytesMax, Consumer<Record<TenantKey, byte[]>> sender) {
        ofShard = new EnvelopeWriter[shards];
        Arrays.setAll(ofShard, shard -> new EnvelopeWriter(foundBytesMax));
        bytesFull = Math.min(Envelope.BYTES_FULL, recordBytesMax);
        carriesAllFound = foundBytesMax == Integer.MAX_VALUE;
        this.sender = sender;
    }

    /**
     * Adds a signal.
     *
     * @param shard the shard of the signal's tenant
     * @param bytes an upper bound of the signal's size, without its type and ids
     */
    void add(int shard, RoutedSignal signal, long bytes) {
        EnvelopeWriter writer = ofShard[shard];
        Signal found = carriesAllFound ? signal.signal() : null;
        long most = found == null ? bytes : bytes + RecordSizes.ofFound(found);
        if (!writer.isEmpty() && writer.size() + most > bytesFull) {
            send(shard);
        }
        writer.add(signal);
        if (writer.size() >= bytesFull) {
            send(shard);
        }
    }

    void sendAll() {
        for (int shard = 0; shard < ofShard.length; shard++) {
            if (!ofShard[shard].isEmpty()) {
                send(shard);
            }
        }
    }

    private void send(int shard) {
        EnvelopeWriter writer = ofShard[shard];
        TenantKey key = new TenantKey(writer.tenant(), null);
        long newestMs = writer.newestMs();
        sender.accept(new Record<>(key, writer.take(), newestMs));
    }
}
