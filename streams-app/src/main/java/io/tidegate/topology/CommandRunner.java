package io.tidegate.topology;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.OpenSegment;
import io.tidegate.contract.Residency;
import io.tidegate.contract.TenantCommand;
import io.tidegate.contract.TenantCommand.DeleteTenant;
import io.tidegate.contract.TenantCommand.ForgetEntity;
import io.tidegate.contract.TenantCommand.PruneWal;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantConfigs.InForce;
import io.tidegate.topology.TenantEvents.Sender;
import io.tidegate.topology.TenantStates.CachedTenant;
import io.tidegate.topology.TenantStates.Removal;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.jspecify.annotations.Nullable;

/**
 * Runs the commands of {@code tenant-commands} on the state of one task and answers on {@code quota-events}. State,
 * answer and the command's own offset are in one transaction, so each command runs exactly once. An invalid command
 * gets an answer too, and processing continues. Owned by the task.
 */
final class CommandRunner {
    private final ProcessorContext<TenantKey, byte[]> context;
    private final TenantStates states;
    private final WalStore wal;
    private final TenantConfigs configs;
    private final TopologySettings settings;
    private final TopologyListener listener;

    CommandRunner(
            ProcessorContext<TenantKey, byte[]> context,
            TenantStates states,
            WalStore wal,
            TenantConfigs configs,
            TopologySettings settings,
            TopologyListener listener) {
        this.listener = listener;
        this.context = context;
        this.states = states;
        this.wal = wal;
        this.configs = configs;
        this.settings = settings;
    }

    /**
     * Runs a command.
     *
     * @param partition the partition of {@code tenant-commands} that the command was read from
     * @return the tenant whose state may have changed; null if there is none
     */
    @Nullable
    TenantId run(Record<byte[], byte[]> record, int partition) {
        long atMs = record.timestamp();
        Sender sender = Sender.of(record.headers());
        TenantId tenant = record.key() == null ? null : TenantId.tryParse(record.key());
        try {
            if (tenant == null) {
                throw new IllegalArgumentException("the key is not a tenant id in decimal");
            }
            int shards = settings.shards();
            if (TenantPartitions.of(tenant, shards) != partition) {
                // The tenant's state is in another shard.
                throw new IllegalArgumentException(
                        "commands of this tenant must be in partition %d, not %d: the instances have shards=%d, set it too"
                                .formatted(TenantPartitions.of(tenant, shards), partition, shards));
            }
            TenantCommand command = TenantCommand.parse(record.value());
            ObjectNode answer = TenantEvents.done(tenant, command, atMs);
            if (command instanceof PruneWal prune) {
                prune(tenant, prune, answer, atMs);
            } else if (command instanceof ForgetEntity forget) {
                boolean found = states.forget(states.of(tenant), forget.kind(), forget.id());
                answer.put("found", found);
            } else if (command instanceof DeleteTenant) {
                delete(tenant, answer, sender, atMs);
            }
            event(TenantEvents.record(tenant, answer, sender, atMs));
            return tenant;
        } catch (IllegalArgumentException e) {
            event(TenantEvents.failed(tenant, String.valueOf(e.getMessage()), sender, atMs));
            return null;
        }
    }

    private void prune(TenantId tenant, PruneWal command, ObjectNode answer, long atMs) {
        CachedTenant state = states.of(tenant);
        long belowSeq = Math.min(command.belowSeq(), state.usage().acceptedCount());
        OpenSegment open = state.usage().openSegment();
        Removal removal = states.prune(state, belowSeq);
        boolean openWent = open.isOpen() && !state.usage().openSegment().isOpen();
        if (belowSeq > 0) {
            forget(tenant, removal, atMs);
            pruneFiles(tenant, belowSeq, TidegateHeaders.PRUNE_WAL, atMs);
        }
        answer.put("below_seq", belowSeq)
                .put("segments", removal.segments().size() + (openWent ? 1 : 0))
                .put("bytes", removal.bytes() + (openWent ? open.bytes() : 0));
    }

    private void delete(TenantId tenant, ObjectNode answer, Sender sender, long atMs) {
        InForce config = configs.inForce(tenant);
        boolean isElsewhere = config != null && Residency.isElsewhere(config.config(), settings.region());
        if (configs.isSet(tenant) && !isElsewhere) {
            throw new IllegalArgumentException(
                    "the tenant still has a config here: remove it first, and retry a moment later");
        }
        Removal removal = states.delete(states.of(tenant));
        forget(tenant, removal, atMs);
        pruneFiles(tenant, removal.nextSeq(), TidegateHeaders.DELETE_TENANT, atMs);
        event(TenantEvents.deleted(tenant, removal, sender, atMs));
        answer.put("next_seq", removal.nextSeq());
        listener.deleted(tenant);
    }

    /** Withdraws the reports of removed segments. */
    private void forget(TenantId tenant, Removal removal, long atMs) {
        for (long firstSeq : removal.segments()) {
            withdraw(tenant, firstSeq, atMs);
        }
    }

    private void withdraw(TenantId tenant, long firstSeq, long atMs) {
        context.forward(new Record<>(TenantKey.numbered(tenant, firstSeq), null, atMs), TidegateTopology.SEGMENTS_SINK);
    }

    /** Writes the record that makes every copy of the WAL prune. It follows all records with lower sequence numbers. */
    private void pruneFiles(TenantId tenant, long belowSeq, String command, long atMs) {
        RecordHeaders headers = new RecordHeaders();
        TidegateHeaders.set(headers, TidegateHeaders.COMMAND, command);
        context.forward(
                new Record<>(TenantKey.numbered(tenant, belowSeq), null, atMs, headers),
                TidegateTopology.ACCEPTED_SINK);
        wal.prune(tenant, belowSeq, command.equals(TidegateHeaders.DELETE_TENANT), atMs);
    }

    private void event(Record<TenantKey, byte[]> event) {
        context.forward(event, TidegateTopology.EVENTS_SINK);
    }
}
