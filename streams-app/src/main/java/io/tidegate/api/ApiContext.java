package io.tidegate.api;

import io.tidegate.admin.TenantOperations;
import io.tidegate.config.Settings;
import io.tidegate.streams.InstanceView;
import io.tidegate.topology.ShardQueries;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.wal.DataDir;
import org.jspecify.annotations.Nullable;

/** The shared state of an instance's routes. Thread-safe. */
final class ApiContext implements AutoCloseable {
    final Settings settings;
    final InstanceView view;
    final ShardQueries shards;
    final TenantConfigs configs;
    final DataDir dir;
    final String address;
    final Peers peers;
    final TenantOperations operations;
    final RecentCounts history = new RecentCounts(System.currentTimeMillis());

    ApiContext(
            Settings settings,
            InstanceView view,
            TenantConfigs configs,
            DataDir dir,
            @Nullable String peerToken,
            String address) {
        this.settings = settings;
        this.view = view;
        shards = new ShardQueries(view);
        this.configs = configs;
        this.dir = dir;
        this.address = address;
        peers = new Peers(settings.http(), view, address, peerToken);
        operations = new TenantOperations(settings);
    }

    @Override
    public void close() {
        operations.close();
    }
}
