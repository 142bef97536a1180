package io.tidegate.topology;

import io.tidegate.contract.SegmentReport;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TopologyListener.Stage;
import io.tidegate.wal.SealedSegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Stage 3: appends accepted signals to the files, prunes where that is asked, and reports each segment that is sealed.
 *
 * <p>Its input is committed, so what it writes never has to be taken back. It writes to the files and checkpoints them by
 * the wall clock, because Kafka Streams does not call the store's commit for a running task under exactly-once.
 */
final class WalProcessor extends ContextualProcessor<byte[], byte[], TenantKey, byte[]> {
    static final String STORE = "wal";

    /** How many tasks of a topology with this stage run on each thread. One object per topology; thread-safe. */
    static final class OnThread {
        private final ThreadLocal<AtomicInteger> tasks = ThreadLocal.withInitial(AtomicInteger::new);

        AtomicInteger tasks() {
            return tasks.get();
        }
    }

    private final TopologySettings settings;
    private final OnThread onThread;
    private final TopologyListener listener;
    private AtomicInteger sharing = new AtomicInteger();
    private final Pace writing = new Pace(() -> sharing.get());
    private final Pace checkpointing = new Pace(() -> sharing.get());
    private LongConsumer progress;
    private WalStore store;

    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    WalProcessor(TopologySettings settings, OnThread onThread, TopologyListener listener) {
        this.settings = settings;
        this.onThread = onThread;
        this.listener = listener;
    }

    @Override
    public void init(ProcessorContext<TenantKey, byte[]> context) {
        super.init(context);
        store = context.getStateStore(STORE);
        // Called after each restoration: also, on the same object, when the task is revived or resumed.
        store.checkNext();
        sharing = onThread.tasks();
        sharing.incrementAndGet();
        progress = listener.opened(Stage.WAL, context.taskId().partition());
        context.schedule(
                settings.walWriteInterval(), PunctuationType.WALL_CLOCK_TIME, now -> writing.run(now, store::write));
        context.schedule(
                settings.walCheckpointInterval(),
                PunctuationType.WALL_CLOCK_TIME,
                now -> checkpointing.run(now, store::checkpoint));
    }

    @Override
    public void close() {
        sharing.decrementAndGet();
        listener.closed(Stage.WAL, context().taskId().partition());
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        progress.accept(record.timestamp());
        long offset = context().recordMetadata().orElseThrow().offset();
        store.process(
                offset,
                record.timestamp(),
                record.key(),
                record.value(),
                record.headers(),
                this::report,
                (tenant, firstSeq) -> takeBack(tenant, firstSeq, record.timestamp()));
    }

    /** Admission takes back the reports of pruned segments too, but this stage may have reported one since. */
    private void takeBack(TenantId tenant, long firstSeq, long atMs) {
        context()
                .forward(
                        new Record<>(TenantKey.numbered(tenant, firstSeq), null, atMs), TidegateTopology.SEGMENTS_SINK);
    }

    private void report(SealedSegment segment) {
        SegmentReport report = SegmentReport.of(segment, settings.instance(), settings.region());
        context()
                .forward(
                        new Record<>(
                                TenantKey.numbered(segment.tenant(), segment.firstSeq()),
                                report.json(),
                                segment.sealedAtMs()),
                        TidegateTopology.SEGMENTS_SINK);
    }
}
