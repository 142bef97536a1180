package io.tidegate.topology;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision;
import io.tidegate.admission.Decision.Accepted;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.QuotaExceeded;
import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.SegmentLimits;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.signal.Defect;
import io.tidegate.signal.ParseResult;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalParser;
import io.tidegate.streams.BeforeCommit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantConfigs.InForce;
import io.tidegate.topology.TenantStates.Held;
import io.tidegate.topology.TopologyListener.Stage;
import io.tidegate.topology.TopologyListener.UsageRound;
import java.time.Duration;
import java.util.function.LongConsumer;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Stage 2: decides. All signals of a tenant, and the commands on it, come through one instance of this, one at a time. It
 * decides where the segments of the tenant's WAL end, and so accounts storage in the transaction of the decision.
 */
final class AdmitProcessor extends ContextualProcessor<byte[], byte[], TenantKey, byte[]> {
    /** How often the listener hears what tenants use. */
    private static final Duration USAGE_EVERY = Duration.ofSeconds(10);

    private final TopologySettings settings;
    private final TenantConfigs configs;
    private final SignalParser parser;
    private final Admission admission;
    private final TopologyListener listener;
    private LongConsumer progress;
    private final MemoryShare memory;
    private TenantStates states;
    private CommandRunner commands;
    private BeforeCommit beforeCommit;
    private long foldedEarly;

    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    AdmitProcessor(
            TopologySettings settings,
            TenantConfigs configs,
            SignalParser parser,
            MemoryShare memory,
            TopologyListener listener) {
        this.settings = settings;
        this.configs = configs;
        this.parser = parser;
        this.memory = memory;
        this.listener = listener;
        this.admission = new Admission(settings.region(), settings.entitiesMax(), settings.history());
    }

    @Override
    public void init(ProcessorContext<TenantKey, byte[]> context) {
        super.init(context);
        states = new TenantStates(
                context.getStateStore(StateKeys.USAGE),
                context.getStateStore(StateKeys.ENTITIES),
                context.getStateStore(StateKeys.SEGMENTS),
                context.getStateStore(StateKeys.HISTORY),
                settings.cachedTenants(),
                memory);
        commands = new CommandRunner(context, states, configs, settings.shards(), listener);
        beforeCommit = context.getStateStore(BeforeCommit.STORE);
        beforeCommit.run(states::write);
        if (isShard()) {
            memory.opened();
        }
        progress = listener.opened(Stage.ADMIT, context.taskId().partition());
        context.schedule(USAGE_EVERY, PunctuationType.WALL_CLOCK_TIME, now -> reportUsage());
    }

    /** What was not written by now belongs to a transaction that will not be committed. */
    @Override
    public void close() {
        if (isShard()) {
            memory.closed();
        }
        beforeCommit.forget();
        listener.closed(Stage.ADMIT, context().taskId().partition());
    }

    /** False for the tasks of additional partitions, which have no tenants. */
    private boolean isShard() {
        return context().taskId().partition() < settings.shards();
    }

    private void reportUsage() {
        UsageRound round = listener.usageRound(context().taskId().partition());
        states.forEachHeld((tenant, usage) -> {
            InForce inForce = configs.inForce(tenant);
            if (inForce != null) {
                round.tenant(inForce.config(), usage);
            }
        });
        round.end();
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        RecordMetadata metadata = context().recordMetadata().orElseThrow();
        if (metadata.topic().equals(settings.topics().commands())) {
            TenantId tenant = commands.run(record, metadata.partition());
            if (tenant != null) {
                watch(tenant, record.timestamp());
            }
        } else {
            signal(record, metadata);
        }
    }

    private void signal(Record<byte[], byte[]> record, RecordMetadata metadata) {
        progress.accept(record.timestamp());
        Headers headers = record.headers();
        SourcePosition source = SourcePosition.tryParse(TidegateHeaders.text(headers, TidegateHeaders.SOURCE));
        byte[] producersKey = TidegateHeaders.bytes(headers, TidegateHeaders.KEY);
        TenantId tenant = record.key() == null ? null : TenantId.tryParse(record.key());
        if (source == null || tenant == null || record.value() == null || !isInItsPartition(tenant, metadata)) {
            // Not from stage 1. Nothing is lost of it either.
            SourcePosition here = new SourcePosition(metadata.topic(), metadata.partition(), metadata.offset());
            Defective bad = new Defective(Defect.TENANT_INVALID, "the record was not keyed by Tidegate's first stage");
            deadLetter(record, tenant, bad, here);
            return;
        }
        InForce inForce = configs.inForce(tenant);
        if (inForce == null) {
            // No state is made for it: whoever sprays ids must not fill the stores.
            refuse(record, producersKey, tenant, Admission.unknownTenant(tenant), TenantConfigs.NO_OFFSET, source);
            return;
        }
        decide(record, producersKey, tenant, inForce, source);
    }

    /** A tenant's state is in one shard, so a record elsewhere must not be decided. */
    private boolean isInItsPartition(TenantId tenant, RecordMetadata metadata) {
        return TenantPartitions.of(tenant, settings.shards()) == metadata.partition();
    }

    private void decide(
            Record<byte[], byte[]> record,
            byte @Nullable [] producersKey,
            TenantId tenant,
            InForce inForce,
            SourcePosition source) {
        TenantConfig config = inForce.config();
        Held state = states.of(tenant);
        TenantUsage usage = state.usage();
        if (usage.isLate(record.timestamp())) {
            listener.late(usage.isBeyondHistory(record.timestamp()));
        }
        int bytes = record.value().length;
        QuotaExceeded exceeded = admission.check(config, usage, bytes, record.timestamp());
        Decision decision;
        if (exceeded != null && Admission.isRefused(config, exceeded)) {
            // Stage 1 has read the value; what was refused without it needs no second reading.
            decision = admission.refuse(usage, exceeded, bytes, record.timestamp());
        } else {
            ParseResult result = parser.parse(record.value());
            if (result instanceof Defective bad) {
                deadLetter(record.withKey(producersKey), tenant, bad, source);
                return;
            }
            decision = admission.admit(config, usage, ((Parsed) result).signal(), bytes, record.timestamp(), exceeded);
        }
        if (decision instanceof Rejected rejected) {
            refuse(record, producersKey, tenant, rejected, inForce.offset(), source);
            if (usage.acceptedCount() == 0 && configs.own(tenant) == null) {
                // Where the default tenant's config holds for unknown ones, a refusal alone leaves nothing either.
                return;
            }
        } else {
            if (admission.foldedEarly() != foldedEarly) {
                foldedEarly = admission.foldedEarly();
                listener.historyFull();
            }
            usage.acceptedBytes(record.value().length);
            long recordBytes = AcceptedRecord.of(usage.lastSeq(), record.timestamp(), record.value(), record.headers())
                    .ownBytes();
            boolean begins =
                    states.stored(state, recordBytes, record.timestamp(), SegmentLimits.of(config, settings.wal()));
            AcceptedRecord.mark(record.headers(), begins);
        }
        states.changed(state);
        watch(tenant, state, inForce, record.timestamp());
        if (decision instanceof Accepted) {
            listener.accepted();
            context()
                    .forward(
                            record.withKey(TenantKey.numbered(tenant, usage.lastSeq())),
                            TidegateTopology.ACCEPTED_SINK);
        }
    }

    private void watch(TenantId tenant, long atMs) {
        InForce inForce = configs.inForce(tenant);
        if (inForce != null) {
            watch(tenant, states.of(tenant), inForce, atMs);
        }
    }

    /** Says where a quota's level was reached or left. */
    private void watch(TenantId tenant, Held state, InForce inForce, long atMs) {
        for (Crossing crossing : state.usage().watch().look(inForce.config(), state.usage())) {
            states.changed(state);
            context()
                    .forward(
                            TenantEvents.crossing(tenant, crossing, inForce.offset(), atMs),
                            TidegateTopology.EVENTS_SINK);
        }
    }

    private void refuse(
            Record<byte[], byte[]> record,
            byte @Nullable [] producersKey,
            TenantId tenant,
            Rejected rejected,
            long configOffset,
            SourcePosition source) {
        listener.rejected(tenant, rejected.quota().reason());
        Headers answer = Refusals.quotaExceeded(record.headers(), rejected.quota(), configOffset, source);
        context()
                .forward(
                        new Record<>(new TenantKey(tenant, producersKey), record.value(), record.timestamp(), answer),
                        TidegateTopology.QUOTA_EXCEEDED_SINK);
    }

    private void deadLetter(
            Record<byte[], byte[]> record, @Nullable TenantId tenant, Defective bad, SourcePosition source) {
        listener.deadLettered(bad.defect());
        ToDeadLetter to = new ToDeadLetter(tenant, bad.defect(), bad.message());
        context()
                .forward(
                        Refusals.deadLetter(record, to, source, settings.sizes()),
                        TidegateTopology.ADMIT_DEAD_LETTER_SINK);
    }
}
