package io.tidegate.cli;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.tidegate.admin.TopicPlan;
import io.tidegate.admin.TopicSetup;
import io.tidegate.admin.TopicWatch;
import io.tidegate.config.Settings;
import io.tidegate.http.HttpServer;
import io.tidegate.metrics.InstanceMetrics;
import io.tidegate.streams.Alignment;
import io.tidegate.topology.Continuity;
import io.tidegate.topology.Instance;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TidegateTopology;
import io.tidegate.topology.TopologySettings;
import io.tidegate.wal.DataDir;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.streams.StreamsConfig;
import org.jspecify.annotations.Nullable;

/**
 * Brings an instance up in the order that promises need: the data directory is locked before anything else; the HTTP
 * server listens, because other instances are told where; topics are made or checked; the directory is bound to them; then
 * records flow. Closes in the other order.
 */
final class InstanceRunner implements AutoCloseable {
    private final Closeable lock;
    private final @Nullable HttpServer http;
    private final TopicSetup setup;
    private final Instance instance;
    private final TopicSetup.Outcome topics;

    private final InstanceMetrics metrics;
    private final TopicGuard topicGuard;
    private final ScheduledExecutorService summary = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "tidegate-log-summary");
        thread.setDaemon(true);
        return thread;
    });

    private InstanceRunner(
            Closeable lock,
            @Nullable HttpServer http,
            TopicSetup setup,
            Instance instance,
            TopicSetup.Outcome topics,
            InstanceMetrics metrics,
            TopicGuard topicGuard) {
        this.topicGuard = topicGuard;
        this.lock = lock;
        this.metrics = metrics;
        var unused = summary.scheduleWithFixedDelay(metrics::logRejections, 1, 1, TimeUnit.MINUTES);
        this.http = http;
        this.setup = setup;
        this.instance = instance;
        this.topics = topics;
    }

    static InstanceRunner start(Settings settings) throws IOException {
        DataDir dir = new DataDir(settings.dataDir());
        Closeable lock = dir.lock();
        HttpServer http = null;
        try {
            http = HttpServer.open(settings);
            return start(settings, dir, lock, http);
        } catch (IOException | RuntimeException e) {
            if (http != null) {
                http.close();
            }
            lock.close();
            throw e;
        }
    }

    private static InstanceRunner start(Settings settings, DataDir dir, Closeable lock, @Nullable HttpServer http)
            throws IOException {
        TopicSetup setup = new TopicSetup(settings);
        try {
            setup.checkFeatures();
            TopicSetup.Outcome topics = setup.ensure();
            setup.applyGroupSettings();
            dir.bind(setup.identity());
            RocksDbLibrary.loadFrom(dir.libraries());
            setup.checkContinuity(dir.appliedOffsets(), topics.recreated());
            setup.settle();
            TopicWatch watch = setup.watch();
            TenantConfigs configs = new TenantConfigs(settings.unknownTenants(), settings.missingTenants());
            TopologySettings topology = settings.topology(topics.sizes());
            InstanceMetrics metrics = new InstanceMetrics(
                    new PrometheusMeterRegistry(PrometheusConfig.DEFAULT),
                    topology,
                    settings.applicationId(),
                    settings.metricsTenantsMax(),
                    System::currentTimeMillis);
            Alignment alignment = settings.alignmentWaitMaxMs() == 0
                    ? null
                    : new Alignment(
                            topology.topics().signals(),
                            settings.latenessMaxMs(),
                            settings.alignmentWaitMaxMs(),
                            System::currentTimeMillis);
            Properties streams = settings.streamsConfig(
                    dir.streamsState(), topics.requestBytesMax(), http == null ? null : http.advertised());
            TopicPlan.changelogConfig().forEach((key, value) -> streams.put(StreamsConfig.topicPrefix(key), value));
            Continuity continuity = new Continuity(setup::hasRecords);
            DataDir measured = new DataDir(settings.dataDir(), metrics);
            Instance instance = new Instance(
                    TidegateTopology.build(topology, configs, measured, setup.accepted(), continuity, metrics),
                    streams,
                    dir,
                    settings.diskMinFreeBytes(),
                    topology.topics(),
                    settings.shards(),
                    Duration.ofMillis(settings.sessionTimeoutMs()),
                    alignment,
                    continuity,
                    metrics);
            metrics.watch(instance, configs, dir, settings.diskMinFreeBytes());
            if (alignment != null) {
                metrics.watch(alignment::progress, alignment::withheldPartitions);
            }
            instance.start();
            if (http != null) {
                http.attach(instance, configs, dir, metrics::scrape);
            }
            TopicGuard guard = new TopicGuard(watch, instance, settings.topicsCheckInterval());
            return new InstanceRunner(lock, http, setup, instance, topics, metrics, guard);
        } catch (RuntimeException | IOException e) {
            setup.close();
            throw e;
        }
    }

    Instance instance() {
        return instance;
    }

    /** Where a browser finds it; null where no HTTP is served. */
    @Nullable
    String url() {
        return http == null ? null : http.url();
    }

    TopicSetup.Outcome topics() {
        return topics;
    }

    @Override
    public void close() throws IOException {
        if (http != null) {
            http.close();
        }
        summary.shutdownNow();
        topicGuard.close();
        instance.close();
        metrics.close();
        setup.close();
        lock.close();
    }
}
