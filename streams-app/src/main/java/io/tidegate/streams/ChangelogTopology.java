package io.tidegate.streams;

import org.apache.kafka.streams.Topology;

/**
 * A topology in which a store can have any topic as its changelog, without the topic being a source. Kafka Streams then
 * restores the store from that topic and keeps standbys up to date, and the owner writes the topic itself.
 *
 * <p>Uses an internal builder, because the public API offers this only for source topics.
 */
public final class ChangelogTopology extends Topology {
    /** Makes a topic the changelog of an existing store. */
    public void connectChangelog(String store, String topic) {
        internalTopologyBuilder.connectSourceStoreAndTopic(store, topic);
    }
}
