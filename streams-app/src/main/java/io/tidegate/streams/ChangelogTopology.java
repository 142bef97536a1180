package io.tidegate.streams;

import org.apache.kafka.streams.Topology;

/**
 * A topology in which a store can have any topic as its changelog, without the topic being a source. Kafka Streams then
 * restores the store from that topic and keeps standbys up to date, and the owner writes the topic itself.
 *
 * <p>Uses an internal builder, because the documented interface offers this only for topics that are read.
 */
public final class ChangelogTopology extends Topology {
    /** Makes a topic the changelog of a store that the topology has. */
    public void connectChangelog(String store, String topic) {
        internalTopologyBuilder.connectSourceStoreAndTopic(store, topic);
    }
}
