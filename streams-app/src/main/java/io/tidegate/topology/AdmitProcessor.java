package io.tidegate.topology;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.QuotaExceeded;
import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.AcceptedRecord;
import io.tidegate.contract.Envelope;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.SegmentLimits;
import io.tidegate.contract.SegmentReport;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.StateKeys;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.signal.Defect;
import io.tidegate.signal.ParseResult;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalReader;
import io.tidegate.streams.AfterCommit;
import io.tidegate.streams.BeforeCommit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantConfigs.InForce;
import io.tidegate.topology.TenantStates.CachedTenant;
import io.tidegate.topology.TopologyListener.Stage;
import io.tidegate.topology.TopologyListener.UsageRound;
import io.tidegate.wal.SealedSegment;
import io.tidegate.wal.WalRecord;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntToLongFunction;
import java.util.function.LongConsumer;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Stage 2: decides. All signals of a tenant and all commands on it pass through one instance, one at a time. Decides
 * where the segments of the tenant's WAL end, and so accounts storage in the transaction of the decision. Appends
 * accepted signals to the tenant's file when that transaction is committed.
 */
final class AdmitProcessor extends ContextualProcessor<byte[], byte[], TenantKey, byte[]> {
    /** Interval at which the listener receives the usage of tenants. */
    private static final Duration USAGE_EVERY = Duration.ofSeconds(10);

    private final TopologySettings settings;
    private final TenantConfigs configs;
    private final SignalReader reader;
    private final Admission admission;
    private final TopologyListener listener;
    private final RejectionHeaders rejections = new RejectionHeaders();
    private LongConsumer progress;
    private final MemoryShare memory;
    private final @Nullable AfterCommit afterCommit;
    private final ThreadTaskCounts threadTasks;
    private AtomicInteger sharing = new AtomicInteger();
    private final BetweenTransactions writing;
    private final BetweenTransactions checkpointing;
    private TenantStates states;
    private WalStore wal;
    private final AfterCommit.Work committed = this::committed;
    private CommandRunner commands;
    private BeforeCommit beforeCommit;
    private long foldedEarly;

    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    AdmitProcessor(
            TopologySettings settings,
            TenantConfigs configs,
            SignalReader reader,
            MemoryShare memory,
            ThreadTaskCounts threadTasks,
            @Nullable AfterCommit afterCommit,
            TopologyListener listener) {
        this.threadTasks = threadTasks;
        this.afterCommit = afterCommit;
        this.settings = settings;
        this.configs = configs;
        this.reader = reader;
        this.memory = memory;
        this.listener = listener;
        this.admission = new Admission(settings.region(), settings.entitiesMax(), settings.history());
        this.writing = betweenTransactions(() -> wal.write());
        this.checkpointing = betweenTransactions(() -> wal.checkpoint());
    }

    private BetweenTransactions betweenTransactions(Runnable work) {
        return new BetweenTransactions(
                new Pace(() -> sharing.get()), work, () -> afterCommit != null && afterCommit.isTransactionOpen());
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
        wal = context.getStateStore(WalStore.NAME);
        wal.discard();
        commands = new CommandRunner(context, states, wal, configs, settings, listener);
        beforeCommit = context.getStateStore(BeforeCommit.ADMIT);
        beforeCommit.runForwarding(context, this::beforeCommit);
        if (afterCommit != null) {
            afterCommit.add(committed);
        }
        sharing = threadTasks.tasks();
        sharing.incrementAndGet();
        if (isShard()) {
            memory.opened();
        }
        progress = listener.opened(Stage.ADMIT, partition());
        context.schedule(settings.walWriteInterval(), PunctuationType.WALL_CLOCK_TIME, writing::run);
        context.schedule(settings.walCheckpointInterval(), PunctuationType.WALL_CLOCK_TIME, checkpointing::run);
        context.schedule(USAGE_EVERY, PunctuationType.WALL_CLOCK_TIME, now -> reportUsage());
    }

    /** Drops unwritten changes, which belong to a transaction that will not be committed. */
    @Override
    public void close() {
        if (isShard()) {
            memory.closed();
        }
        beforeCommit.forget();
        if (afterCommit != null) {
            afterCommit.remove(committed);
        }
        wal.discard();
        writing.discard();
        checkpointing.discard();
        sharing.decrementAndGet();
        listener.closed(Stage.ADMIT, partition(), progress);
    }

    private int partition() {
        return context().taskId().partition();
    }

    private void committed(IntToLongFunction lastOffsets) {
        wal.committed(lastOffsets.applyAsLong(partition()));
        writing.committed(context().currentSystemTimeMs());
        checkpointing.committed(context().currentSystemTimeMs());
    }

    /** Adds the gathered writes to the transaction before it is committed. */
    private void beforeCommit() {
        states.write();
        for (WalStore.Report report : wal.takeReports()) {
            context().forward(record(report), TidegateTopology.SEGMENTS_SINK);
        }
        if (afterCommit == null) {
            wal.committed(AfterCommit.NONE);
        }
    }

    private Record<TenantKey, byte[]> record(WalStore.Report report) {
        if (report instanceof WalStore.Report.Sealed sealed) {
            SealedSegment segment = sealed.segment();
            return new Record<>(
                    TenantKey.numbered(segment.tenant(), segment.firstSeq()),
                    SegmentReport.of(segment, settings.instance(), settings.region())
                            .json(),
                    segment.sealedAtMs());
        }
        WalStore.Report.Dropped dropped = (WalStore.Report.Dropped) report;
        // The command has already withdrawn the report, but the segment may have been reported since.
        return new Record<>(TenantKey.numbered(dropped.tenant(), dropped.firstSeq()), null, dropped.atMs());
    }

    /** Whether the task has tenants. The tasks of additional partitions have none. */
    private boolean isShard() {
        return partition() < settings.shards();
    }

    private void reportUsage() {
        UsageRound round = listener.usageRound(context().taskId().partition());
        states.forEachCached((tenant, usage) -> {
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
            envelope(record, metadata);
        }
    }

    private void envelope(Record<byte[], byte[]> record, RecordMetadata metadata) {
        progress.accept(record.timestamp());
        List<RoutedSignal> signals;
        try {
            signals = read(record, metadata);
        } catch (IllegalArgumentException e) {
            // Stage 1 did not write this. The record is kept as a dead letter.
            SourcePosition here = new SourcePosition(metadata.topic(), metadata.partition(), metadata.offset());
            deadLetter(record, null, new Defective(Defect.MALFORMED, e.getMessage()), here);
            return;
        }
        // Stage 1 wrote no signal that is too large, unless the topics accepted larger ones at that time.
        boolean mayBeTooLarge = record.value().length > settings.sizes().recordBytesMax() / 2;
        for (RoutedSignal signal : signals) {
            ToDeadLetter tooLarge = mayBeTooLarge ? tooLarge(signal) : null;
            if (tooLarge == null) {
                decide(signal);
            } else {
                deadLetter(signal, new Defective(tooLarge.defect(), tooLarge.message()));
            }
        }
    }

    /** Returns the dead letter for a signal that is too large for its outcome; null if it is small enough. */
    private @Nullable ToDeadLetter tooLarge(RoutedSignal signal) {
        Headers headers = new RecordHeaders(signal.headers());
        return settings.sizes().tooLarge(RecordSizes.of(signal.key(), signal.value(), headers));
    }

    private List<RoutedSignal> read(Record<byte[], byte[]> record, RecordMetadata metadata) {
        List<RoutedSignal> signals = Envelope.read(record.value());
        for (RoutedSignal signal : signals) {
            // A tenant's state is in one shard, so a signal in the wrong partition must not be decided.
            int shard = TenantPartitions.of(signal.tenant(), settings.shards());
            if (shard != metadata.partition()) {
                throw new IllegalArgumentException(
                        "the envelope has a signal of tenant %s, which belongs to partition %d"
                                .formatted(signal.tenant(), shard));
            }
        }
        return signals;
    }

    /** Decides a signal of this task's shard. */
    void decide(RoutedSignal signal) {
        TenantId tenant = signal.tenant();
        InForce inForce = configs.inForce(tenant);
        if (inForce == null) {
            // No state for unknown tenants: invented ids must not grow the store.
            reject(signal, Admission.unknownTenant(tenant), TenantConfigs.NO_OFFSET);
            return;
        }
        TenantConfig config = inForce.config();
        CachedTenant state = states.of(tenant);
        TenantUsage usage = state.usage();
        if (usage.isLate(signal.timestampMs())) {
            listener.late(usage.isBeyondHistory(signal.timestampMs()));
        }
        int bytes = signal.value().length;
        // A signal that travelled without its ids is parsed for its type only if a type has a limit.
        ParseResult parsed = config.signals().isEmpty() ? null : signal.parsed(reader);
        String type = parsed instanceof Parsed sound ? sound.signal().type() : null;
        QuotaExceeded exceeded = admission.check(config, usage, type, bytes, signal.timestampMs());
        Decision decision;
        if (exceeded != null && Admission.isRejected(config, exceeded)) {
            decision = admission.reject(usage, exceeded, bytes, signal.timestampMs());
        } else {
            ParseResult result = parsed != null ? parsed : signal.parsed(reader);
            if (result instanceof Defective bad) {
                deadLetter(signal, bad);
                return;
            }
            decision =
                    admission.admit(config, usage, ((Parsed) result).signal(), bytes, signal.timestampMs(), exceeded);
        }
        if (decision instanceof Rejected rejected) {
            reject(signal, rejected, inForce.offset());
            if (usage.acceptedCount() == 0 && configs.own(tenant) == null) {
                // If unknown tenants use the default tenant's config, a rejection alone leaves no state either. Memory
                // that is not stored must not decide later signals: it would be gone after a restart.
                states.drop(state);
                return;
            }
            changed(state, inForce, signal);
        } else {
            accept(signal, state, inForce);
        }
    }

    private void accept(RoutedSignal signal, CachedTenant state, InForce inForce) {
        if (admission.foldedEarly() != foldedEarly) {
            foldedEarly = admission.foldedEarly();
            listener.historyFull();
        }
        TenantUsage usage = state.usage();
        state.requireNotInWal(usage.lastSeq(), wal::nextSeq);
        usage.acceptedBytes(signal.value().length);
        Headers headers = AcceptedRecord.headers(signal);
        WalRecord stored = AcceptedRecord.of(usage.lastSeq(), signal.timestampMs(), signal.value(), headers);
        SegmentLimits limits = SegmentLimits.of(inForce.config(), settings.wal());
        boolean begins = states.stored(state, stored.ownBytes(), signal.timestampMs(), limits);
        AcceptedRecord.mark(headers, begins);
        changed(state, inForce, signal);
        listener.accepted();
        context()
                .forward(
                        new Record<>(
                                TenantKey.numbered(signal.tenant(), usage.lastSeq()),
                                signal.value(),
                                signal.timestampMs(),
                                headers),
                        TidegateTopology.ACCEPTED_SINK);
        wal.append(signal.tenant(), stored, begins);
        if (wal.isFull()) {
            context().commit();
        }
    }

    private void changed(CachedTenant state, InForce inForce, RoutedSignal signal) {
        states.changed(state);
        watch(signal.tenant(), state, inForce, signal.timestampMs());
    }

    private void watch(TenantId tenant, long atMs) {
        InForce inForce = configs.inForce(tenant);
        if (inForce != null) {
            watch(tenant, states.of(tenant), inForce, atMs);
        }
    }

    /** Forwards an event for each quota level that was reached or left. */
    private void watch(TenantId tenant, CachedTenant state, InForce inForce, long atMs) {
        for (Crossing crossing : state.usage().watch().look(inForce.config(), state.usage())) {
            states.changed(state);
            context()
                    .forward(
                            TenantEvents.crossing(tenant, crossing, inForce.offset(), atMs),
                            TidegateTopology.EVENTS_SINK);
        }
    }

    private void reject(RoutedSignal signal, Rejected rejected, long configOffset) {
        listener.rejected(signal.tenant(), rejected.quota().reason());
        Headers answer = rejections.of(signal, rejected.quota(), configOffset);
        context()
                .forward(
                        new Record<>(
                                new TenantKey(signal.tenant(), signal.key()),
                                signal.value(),
                                signal.timestampMs(),
                                answer),
                        TidegateTopology.QUOTA_EXCEEDED_SINK);
    }

    private void deadLetter(RoutedSignal signal, Defective bad) {
        Record<byte[], byte[]> record =
                new Record<>(signal.key(), signal.value(), signal.timestampMs(), new RecordHeaders(signal.headers()));
        deadLetter(record, signal.tenant(), bad, signal.source());
    }

    private void deadLetter(
            Record<byte[], byte[]> record, @Nullable TenantId tenant, Defective bad, SourcePosition source) {
        listener.deadLettered(bad.defect());
        ToDeadLetter to = new ToDeadLetter(tenant, bad.defect(), bad.message());
        context()
                .forward(DeadLetters.of(record, to, source, settings.sizes()), TidegateTopology.ADMIT_DEAD_LETTER_SINK);
    }
}
