package io.tidegate.instance;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.tidegate.admin.TopicPlan;
import io.tidegate.admin.TopicSetup;
import io.tidegate.admin.TopicWatch;
import io.tidegate.api.Api;
import io.tidegate.config.SchemaRegistrySettings;
import io.tidegate.config.Settings;
import io.tidegate.http.HttpServer;
import io.tidegate.metrics.InstanceMetrics;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.schemas.SchemaGate;
import io.tidegate.signal.WriterSchemas;
import io.tidegate.streams.AfterCommit;
import io.tidegate.streams.Alignment;
import io.tidegate.streams.Continuity;
import io.tidegate.streams.Instance;
import io.tidegate.streams.StateMemory;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TidegateTopology;
import io.tidegate.topology.TopologySettings;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.streams.StreamsConfig;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts an instance in the order that its guarantees require. First the data directory is locked. Then the HTTP server
 * listens, because other instances receive its address. Then topics are created or checked, and the directory is bound to them.
 * Last, records flow. Closes in reverse order.
 */
public final class InstanceRunner implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(InstanceRunner.class);

    private final StartedParts parts;
    private final @Nullable HttpServer http;
    private final Instance instance;
    private final TopicSetup.Outcome topics;

    private InstanceRunner(
            StartedParts parts, @Nullable HttpServer http, Instance instance, TopicSetup.Outcome topics) {
        this.parts = parts;
        this.http = http;
        this.instance = instance;
        this.topics = topics;
    }

    public static InstanceRunner start(Settings settings) throws IOException {
        return start(settings, new AfterCommit());
    }

    /** @param afterCommit holds the stages' actions after a commit */
    public static InstanceRunner start(Settings settings, AfterCommit afterCommit) throws IOException {
        StartedParts parts = new StartedParts();
        try {
            return start(settings, parts, afterCommit);
        } catch (IOException | RuntimeException | Error e) {
            parts.closeAfter(e);
            throw e;
        }
    }

    private static InstanceRunner start(Settings settings, StartedParts parts, AfterCommit afterCommit)
            throws IOException {
        settings.checkMemory();
        DataDir dir = new DataDir(settings.dataDir());
        parts.add(dir.lock());
        HttpServer http = HttpServer.open(settings);
        if (http != null) {
            parts.add(http);
        }
        TopicSetup setup = parts.add(new TopicSetup(settings));
        setup.checkFeatures();
        TopicSetup.Outcome topics = setup.ensure();
        setup.applyGroupSettings();
        dir.bind(setup.identity());
        if (dir.separateFromOriginal()) {
            LOG.warn(
                    "the data directory is a copy: this instance gets an identity of its own in the group, next to that of the original"
                            + " dir={}",
                    dir.root());
        }
        RocksDbLibrary.loadFrom(dir.libraries());
        setup.checkContinuity(dir.appliedOffsets(), topics.recreated());
        setup.settle();
        TopicWatch watch = setup.watch();
        TenantConfigs configs = new TenantConfigs(settings.unknownTenants(), settings.missingTenants());
        TopologySettings topology = TopologyFromSettings.of(settings, topics.sizes());
        InstanceMetrics metrics = parts.add(new InstanceMetrics(
                new PrometheusMeterRegistry(PrometheusConfig.DEFAULT),
                topology,
                settings.applicationId(),
                settings.metricsTenantsMax(),
                System::currentTimeMillis));
        Alignment alignment = alignment(settings);
        Properties streams = settings.streamsConfig(
                dir.streamsState(), topics.requestBytesMax(), http == null ? null : http.advertised());
        TopicPlan.changelogConfig().forEach((key, value) -> streams.put(StreamsConfig.topicPrefix(key), value));
        parts.add(new StateMemory(settings.stateMemoryBytes(), settings.stores()))
                .applyTo(streams);
        Continuity continuity = new Continuity(setup::hasRecords, afterCommit, settings.commitIntervalMs());
        DataDir measured = new DataDir(settings.dataDir(), metrics);
        SchemaRegistrySettings registry = settings.schemaRegistry();
        RegistrySchemas schemas = registry == null ? null : RegistrySchemas.of(registry);
        SchemaGate gate = schemas == null ? null : parts.add(new SchemaGate(schemas));
        Instance instance = parts.add(new Instance(
                TidegateTopology.build(
                        topology,
                        configs,
                        measured,
                        setup.accepted(),
                        schemas == null ? WriterSchemas.NONE : schemas,
                        continuity,
                        metrics),
                streams,
                dir,
                settings.diskMinFreeBytes(),
                topology.topics(),
                settings.shards(),
                Duration.ofMillis(settings.sessionTimeoutMs()),
                alignment,
                continuity,
                metrics));
        metrics.watch(instance, configs, dir, settings.diskMinFreeBytes());
        if (alignment != null) {
            metrics.watch(alignment::progress, alignment::withheldPartitions);
        }
        if (schemas != null && gate != null) {
            instance.processWhenReady(record -> gate.isReady(record.value()), gate::waitsFor);
            metrics.watchSchemas(schemas.lookups(), schemas::size, () -> gate.waitsFor() != null);
        }
        instance.start();
        if (http != null) {
            Api api = parts.add(new Api(settings, http, instance.view(), configs, dir, metrics::scrape));
            http.attach(api.routes(), configs::named, api::endLongWork);
        }
        parts.add(new TopicGuard(watch, instance, settings.topicsCheckInterval()));
        ScheduledExecutorService summary = summaries();
        parts.add(summary::shutdownNow);
        var unused = summary.scheduleWithFixedDelay(metrics::logRejections, 1, 1, TimeUnit.MINUTES);
        if (http != null) {
            parts.closeFirst(http);
        }
        return new InstanceRunner(parts, http, instance, topics);
    }

    /**
     * Reads the files that the HTTP server needs, as an instance does at its start, and forgets their content.
     *
     * @throws io.tidegate.config.SettingsException naming the file and the error; never a secret
     */
    public static void checkHttpFiles(Settings settings) {
        HttpServer.checkFiles(settings.http());
    }

    /**
     * Returns the alignment of partitions. With keyed ingress, admit reads signals from both topics, so both are aligned: a
     * signal that takes the inner topic must not be decided too late relative to the others.
     */
    private static @Nullable Alignment alignment(Settings settings) {
        return settings.alignmentWaitMaxMs() == 0
                ? null
                : new Alignment(
                        settings.topics().signals(),
                        settings.keyedIngress() ? settings.topics().byTenant() : null,
                        settings.latenessMaxMs(),
                        settings.alignmentWaitMaxMs(),
                        System::currentTimeMillis);
    }

    private static ScheduledExecutorService summaries() {
        return Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "tidegate-log-summary");
            thread.setDaemon(true);
            return thread;
        });
    }

    public Instance instance() {
        return instance;
    }

    /** Returns the URL for browsers; null if there is no HTTP server. */
    @Nullable
    public String url() {
        return http == null ? null : http.url();
    }

    public TopicSetup.Outcome topics() {
        return topics;
    }

    @Override
    public void close() {
        parts.close();
    }
}
