package io.tidegate.instance;

import io.tidegate.config.Settings;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.topology.TopologySettings;

/** Translates the settings of a deployment into those of its topology. */
public final class TopologyFromSettings {
    private TopologyFromSettings() {}

    /** @param sizes the record sizes that all topics accept */
    public static TopologySettings of(Settings settings, RecordSizes sizes) {
        return new TopologySettings(
                settings.topics(),
                settings.tenantSource(),
                settings.signalMapping(),
                settings.region(),
                new Residency(settings.region(), settings.regionTopics()),
                settings.instance(),
                sizes,
                settings.cachedTenants(),
                settings.cacheBytes(),
                settings.entitiesMax(),
                settings.historyBounds(),
                settings.wal(),
                settings.walWriteInterval(),
                settings.walCheckpointInterval(),
                settings.shards(),
                settings.keyedIngress());
    }
}
