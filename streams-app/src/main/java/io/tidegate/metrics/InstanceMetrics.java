package io.tidegate.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.tidegate.admission.Reason;
import io.tidegate.signal.Defect;
import io.tidegate.streams.Alignment;
import io.tidegate.streams.Instance;
import io.tidegate.streams.InstanceView;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TopologyListener;
import io.tidegate.topology.TopologySettings;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.LastVerify;
import io.tidegate.wal.WalListener;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.apache.kafka.streams.KafkaStreams.State;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All metrics of one instance.
 *
 * <p>It listens to the stages and to the files, and reads the rest when it is {@linkplain #scrape scraped}. So a signal costs
 * one increment, and Kafka and the disk are queried once per scrape. Thread-safe.
 */
public final class InstanceMetrics implements TopologyListener, WalListener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(InstanceMetrics.class);
    private static final String SIGNALS = "Signals by outcome";
    private static final Duration[] DISK_BUCKETS = {
        Duration.ofMillis(1),
        Duration.ofMillis(5),
        Duration.ofMillis(20),
        Duration.ofMillis(100),
        Duration.ofMillis(500),
        Duration.ofSeconds(2),
        Duration.ofSeconds(10)
    };

    private final PrometheusMeterRegistry registry;
    private final LongSupplier clockMs;
    private final JvmGcMetrics gc = new JvmGcMetrics();

    private final LongAdder accepted;
    private final LongAdder deadLettered;
    private final Counter skipped;
    private final LongAdder forwarded;
    private final LongAdder late;
    private final LongAdder lateBeyond;
    private final Counter historyFull;
    private final Map<Reason, LongAdder> rejected = new EnumMap<>(Reason.class);
    private final Map<Reason, Long> summarised = new EnumMap<>(Reason.class);
    private final Map<Defect, LongAdder> deadLetters = new EnumMap<>(Defect.class);
    private final Map<String, LongAdder> lost = new HashMap<>();
    private final TenantRejections rejections;
    private final TenantUse use;
    private final TenantMeters tenants;
    private final KafkaMeters kafka;
    private final StageMeters stages;
    private final Counter written;
    private final Counter sealedSegments;
    private final Counter sealedBytes;
    private final Counter cuts;
    private final Counter cutBytes;
    private final Timer fsync;
    private final Timer checkpoint;
    private final Counter threadFailures;
    private final Counter threadsReplaced;
    private @Nullable Instance instance;
    private @Nullable PartitionMeters partitions;
    private Map<String, LongSupplier> schemaLookups = Map.of();

    /**
     * @param registry the registry of all metrics
     * @param settings the settings of the measured instance
     * @param tenantsMax the maximum number of tenants that are named
     * @param clockMs the wall clock, in ms since the epoch
     */
    public InstanceMetrics(
            PrometheusMeterRegistry registry,
            TopologySettings settings,
            String application,
            int tenantsMax,
            LongSupplier clockMs) {
        this.registry = registry;
        this.clockMs = clockMs;
        accepted = outcome("accepted");
        for (Reason reason : Reason.values()) {
            rejected.put(reason, new LongAdder());
        }
        FunctionCounter.builder(MetricNames.SIGNALS, this, InstanceMetrics::rejectedCount)
                .description(SIGNALS)
                .tag("outcome", "rejected")
                .register(registry);
        deadLettered = outcome("dead_lettered");
        forwarded = outcome("forwarded");
        late = late("within");
        lateBeyond = late("beyond");
        historyFull = counter(
                MetricNames.HISTORY_FULL, "Times that a tenant's history was full before lateness.max.ms had passed");
        for (Defect defect : Defect.values()) {
            deadLetters.put(
                    defect, adder(MetricNames.DEAD_LETTERS, "Records that could not be judged", "reason", defect.id()));
        }
        List<String> inputs = new ArrayList<>(settings.topics().signals());
        inputs.addAll(List.of(
                settings.topics().byTenant(),
                settings.topics().commands(),
                settings.topics().segments(),
                settings.topics().accepted()));
        for (String topic : inputs) {
            lost.put(
                    topic,
                    adder(
                            MetricNames.LOST_RECORDS,
                            "Upper bound of the records that brokers deleted before they were read",
                            "topic",
                            topic));
        }
        rejections = new TenantRejections(tenantsMax, clockMs.getAsLong());
        use = new TenantUse(tenantsMax, rejections::isRejected, clockMs);
        gauge(MetricNames.HISTORY_BYTES, "Memory of the histories of tenants here", use, TenantUse::historyBytes);
        tenants = new TenantMeters(registry, rejections, use);
        kafka = new KafkaMeters(registry);
        stages = new StageMeters(registry);
        skipped = counter(MetricNames.SKIPPED_RECORDS, "Records of internal topics that Tidegate did not write");
        written = counter(MetricNames.WAL_WRITTEN, "Bytes written to segments, including those of replicas here");
        sealedSegments = counter(MetricNames.WAL_SEALED_SEGMENTS, "Segments sealed");
        sealedBytes = counter(MetricNames.WAL_SEALED_BYTES, "Bytes of sealed segments");
        cuts = counter(MetricNames.WAL_CUTS, "Truncations of a segment's end after a crash");
        cutBytes = counter(MetricNames.WAL_CUT_BYTES, "Bytes truncated after a crash; copies are in the quarantine");
        fsync = timer(MetricNames.WAL_FSYNC, "Time to make one segment durable");
        checkpoint = timer(MetricNames.WAL_CHECKPOINT, "Time to make a whole shard durable");
        threadFailures = counter(MetricNames.THREAD_FAILURES, "Stream threads that failed");
        threadsReplaced = counter(MetricNames.THREADS_REPLACED, "Stream threads that were replaced after a failure");
        info(settings, application);
        jvm();
    }

    private LongAdder late(String bound) {
        return adder(
                MetricNames.LATE_SIGNALS,
                "Signals older than the newest accepted one of their tenant; within or beyond its history",
                "bound",
                bound);
    }

    /** Returns the version of this build; {@code development} outside a package. */
    public static String version() {
        String version = InstanceMetrics.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    private void info(TopologySettings settings, String application) {
        Gauge.builder(MetricNames.INSTANCE, () -> 1)
                .description("1; the labels describe the instance")
                .tags(
                        "application",
                        application,
                        "name",
                        settings.instance(),
                        "region",
                        settings.region() == null ? "" : settings.region(),
                        "version",
                        version())
                .register(registry);
    }

    private void jvm() {
        new JvmMemoryMetrics().bindTo(registry);
        gc.bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
    }

    /** Adds the metrics of these sources; called once. */
    public void watch(Instance instance, TenantConfigs configs, DataDir dir, long diskMinFreeBytes) {
        this.instance = instance;
        gauge(MetricNames.CONFIGS, "Tenants with a config", configs, TenantConfigs::size);
        gauge(
                MetricNames.NAME_CONFLICTS,
                "Names in several tenants' configs, which therefore refer to none of them",
                configs,
                TenantConfigs::nameConflicts);
        gauge(
                MetricNames.CONFIG_OFFSET,
                "Offset of the last record of tenant-configs that was read; -1 before the first",
                configs,
                TenantConfigs::readOffset);
        gauge(
                MetricNames.CONFIG_TIMESTAMP,
                "Time at which that record was written",
                configs,
                known -> known.readTimestampMs() / 1000.0);
        FunctionCounter.builder(MetricNames.CONFIGS_REJECTED, configs, TenantConfigs::rejectedCount)
                .description("Records of tenant-configs that could not be used")
                .register(registry);
        gauge(
                MetricNames.MISSING_TENANTS_REJECTED,
                "1 while signals without a tenant are dead-lettered (tenant_missing), 0 while they count for tenant 0",
                configs,
                known -> known.missingIsDefault() ? 0 : 1);
        gauge(MetricNames.DISK_FREE, "Free bytes for data.dir", dir, InstanceMetrics::freeBytes);
        gauge(
                MetricNames.WAL_VERIFY_DAMAGED,
                "Damaged places that the last `tidegate wal verify` of data.dir found",
                dir,
                InstanceMetrics::damagedPlaces);
        gauge(
                MetricNames.DISK_MIN_FREE,
                "Free bytes below which the instance pauses",
                diskMinFreeBytes,
                Long::doubleValue);
        InstanceView view = instance.view();
        FunctionCounter.builder(MetricNames.RESTORED_RECORDS, view, InstanceView::restoredRecords)
                .description("Records read to rebuild stores")
                .register(registry);
        gauge(MetricNames.RESTORE_REMAINING, "Records to read until all tasks run", view, InstanceMetrics::remaining);
        gauge(
                MetricNames.INGRESS_TRANSACTIONS,
                "Stuck open transactions of producers in the ingress topics, which delay all signals behind them",
                instance,
                Instance::openIngressTransactions);
        gauge(
                MetricNames.TOPIC_FINDINGS,
                "Rules that topics break at the moment",
                view,
                one -> one.notices().topicFindings().size());
        gauge(MetricNames.RUNNING, "1 while all tasks run", instance, one -> one.state() == State.RUNNING ? 1 : 0);
        gauge(MetricNames.PAUSED, "1 while the instance is paused", instance, one -> one.isPaused() ? 1 : 0);
    }

    /** Adds the metrics of how far apart the partitions of {@code signals} are read; called once. */
    public void watch(Supplier<List<Alignment.Progress>> progress, Supplier<Number> withheld) {
        partitions = new PartitionMeters(registry, progress, withheld);
    }

    /**
     * Adds the metrics of the schema registry; called once.
     *
     * @param lookups by outcome
     * @param cached the number of schemas in memory
     * @param waitedFor whether partitions wait for the registry
     */
    public void watchSchemas(Map<String, LongSupplier> lookups, IntSupplier cached, BooleanSupplier waitedFor) {
        schemaLookups = lookups; // a counter has only a weak reference to what it reads
        for (String outcome : lookups.keySet()) {
            FunctionCounter.builder(MetricNames.SCHEMA_LOOKUPS, this, metrics -> metrics.schemaLookups(outcome))
                    .description("Schemas looked up in the schema registry")
                    .tag("outcome", outcome)
                    .register(registry);
        }
        gauge(MetricNames.SCHEMAS_CACHED, "Schemas in memory", cached, IntSupplier::getAsInt);
        gauge(
                MetricNames.SCHEMA_REGISTRY_WAITED_FOR,
                "1 while partitions wait for the schema registry",
                waitedFor,
                one -> one.getAsBoolean() ? 1 : 0);
    }

    private double schemaLookups(String outcome) {
        LongSupplier count = schemaLookups.get(outcome);
        return count == null ? 0 : count.getAsLong();
    }

    private static double remaining(InstanceView view) {
        double remaining = 0;
        for (InstanceView.Restore restore : view.restores()) {
            remaining += Math.max(0, restore.total() - restore.restored());
        }
        return remaining;
    }

    private static double damagedPlaces(DataDir dir) {
        LastVerify last = LastVerify.read(dir);
        return last == null ? 0 : last.damaged();
    }

    private static double freeBytes(DataDir dir) {
        try {
            return dir.freeBytes();
        } catch (IOException e) {
            return Double.NaN;
        }
    }

    /**
     * Returns the current values as text.
     *
     * @param wanted the media type that the reader wants; any other than OpenMetrics gives Prometheus' own text format
     */
    public synchronized Scrape scrape(@Nullable String wanted) {
        long nowMs = clockMs.getAsLong();
        tenants.refresh(nowMs);
        if (instance != null) {
            var measured = instance.kafkaMetrics();
            kafka.refresh(measured);
            stages.refresh(instance.view().group(), nowMs);
        }
        if (partitions != null) {
            partitions.refresh();
        }
        String type = "application/openmetrics-text".equals(wanted)
                ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8";
        return new Scrape(type, registry.scrape(type));
    }

    private long rejectedCount() {
        return rejected.values().stream().mapToLong(LongAdder::sum).sum();
    }

    /** Logs one line about the signals rejected since the last call, if there are any. */
    public synchronized void logRejections() {
        long sum = 0;
        StringJoiner reasons = new StringJoiner(" ");
        for (Map.Entry<Reason, LongAdder> entry : rejected.entrySet()) {
            long now = entry.getValue().sum();
            Long before = summarised.put(entry.getKey(), now);
            long more = now - (before == null ? 0 : before);
            sum += more;
            if (more > 0) {
                reasons.add(entry.getKey().id() + ":" + more);
            }
        }
        if (sum > 0) {
            LOG.info("signals were rejected rejected={} reasons=\"{}\"", sum, reasons);
        }
    }

    /** A response to a scrape, and its media type. */
    public record Scrape(String contentType, String text) {}

    @Override
    public LongConsumer opened(Stage stage, int partition) {
        return stages.opened(stage, partition);
    }

    @Override
    public void closed(Stage stage, int partition, LongConsumer task) {
        stages.closed(stage, partition, task);
        if (stage == Stage.ADMIT) {
            use.removed(partition);
        }
    }

    @Override
    public void accepted() {
        accepted.increment();
    }

    @Override
    public void rejected(TenantId tenant, Reason reason) {
        rejected.get(reason).increment();
        rejections.rejected(tenant, reason);
    }

    @Override
    public void rejectedUnknownName() {
        rejected.get(Reason.TENANT_UNKNOWN).increment();
        rejections.rejectedUnknownName();
    }

    @Override
    public void deleted(TenantId tenant) {
        rejections.deleted(tenant, clockMs.getAsLong());
    }

    @Override
    public void deadLettered(Defect defect) {
        deadLettered.increment();
        deadLetters.get(defect).increment();
    }

    @Override
    public void late(boolean beyond) {
        (beyond ? lateBeyond : late).increment();
    }

    @Override
    public void historyFull() {
        historyFull.increment();
    }

    @Override
    public void forwarded() {
        forwarded.increment();
    }

    @Override
    public void skipped() {
        skipped.increment();
    }

    @Override
    public UsageRound usageRound(int partition) {
        return use.round(partition);
    }

    @Override
    public void lost(String topic, long records) {
        LongAdder adder = lost.get(topic);
        if (adder != null) {
            adder.add(records);
        }
    }

    @Override
    public void threadFailed(boolean replaced) {
        threadFailures.increment();
        if (replaced) {
            threadsReplaced.increment();
        }
    }

    @Override
    public void wrote(long bytes) {
        written.increment((double) bytes);
    }

    @Override
    public void fsynced(long nanos) {
        fsync.record(Duration.ofNanos(nanos));
    }

    @Override
    public void checkpointed(long nanos) {
        checkpoint.record(Duration.ofNanos(nanos));
    }

    @Override
    public void sealed(long bytes) {
        sealedSegments.increment();
        sealedBytes.increment((double) bytes);
    }

    @Override
    public void cut(long bytes) {
        cuts.increment();
        cutBytes.increment((double) bytes);
    }

    @Override
    public void close() {
        gc.close();
    }

    private LongAdder outcome(String outcome) {
        return adder(MetricNames.SIGNALS, SIGNALS, "outcome", outcome);
    }

    private LongAdder adder(String name, String description, String label, String value) {
        LongAdder adder = new LongAdder();
        FunctionCounter.builder(name, adder, LongAdder::sum)
                .description(description)
                .tag(label, value)
                .register(registry);
        return adder;
    }

    private Counter counter(String name, String description) {
        return Counter.builder(name).description(description).register(registry);
    }

    private Timer timer(String name, String description) {
        return Timer.builder(name)
                .description(description)
                .serviceLevelObjectives(DISK_BUCKETS)
                .register(registry);
    }

    private <T> void gauge(String name, String description, T of, ToDoubleFunction<T> value) {
        Gauge.builder(name, of, value)
                .description(description)
                .strongReference(true)
                .register(registry);
    }
}
