package io.tidegate.tools;

import io.tidegate.admin.TopicReader;
import io.tidegate.admin.TopicSetup;
import io.tidegate.config.Settings;
import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.NumberedKey;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalRepair;
import io.tidegate.wal.WalRepair.Outcome;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.NavigableSet;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;

/** Repairs the WAL of a stopped instance from {@code signals-accepted}. */
public final class WalRepairs {
    private WalRepairs() {}

    /**
     * Takes the directory's lock, checks that the files follow this topic, and repairs them.
     *
     * @param progress receives a line for each step
     */
    public static List<Outcome> repair(
            Settings settings, DataDir dir, NavigableSet<TenantId> tenants, Consumer<String> progress)
            throws IOException {
        Closeable lock = dir.lock();
        try (TopicSetup setup = new TopicSetup(settings)) {
            dir.bind(setup.identity());
            WalRepair repair =
                    new WalRepair(dir, tenant -> TenantPartitions.of(tenant, settings.shards()), settings.wal());
            return repair.repair(tenants, (shard, each) -> {
                TopicPartition partition = new TopicPartition(settings.topics().accepted(), shard);
                progress.accept("reading " + partition);
                TopicReader.readPartition(settings, partition, record -> {
                    NumberedKey key = NumberedKey.tryParse(record.key());
                    if (key != null
                            && record.value() != null
                            && AcceptedRecord.foreign(key, record.value(), record.headers(), shard, settings.shards())
                                    == null) {
                        each.accept(
                                key.tenant(),
                                AcceptedRecord.of(key.seq(), record.timestamp(), record.value(), record.headers()),
                                AcceptedRecord.beginsSegment(record.headers()));
                    }
                });
            });
        } finally {
            lock.close();
        }
    }
}
