package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.contract.TenantSource;
import io.tidegate.signal.SignalMapping;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.LoadGenerator;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "load",
        mixinStandardHelpOptions = true,
        description = "Sends signals of many tenants (ids 1 to N); the sequence depends on the seed alone.")
final class LoadCommand implements Callable<Integer> {
    private static final int TENANTS_MAX = 1_000_000;
    private static final int SIZE_MAX = 16 * 1024 * 1024;
    private static final int SKEW_MAX = 100;
    private static final int BURST_MAX = 1_000_000;

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(names = "--tenants", paramLabel = "N", description = "Number of tenants. Default: ${DEFAULT-VALUE}.")
    private int tenants = 10;

    @Option(
            names = "--rate",
            paramLabel = "N/s",
            converter = Amounts.RateConverter.class,
            description = "Signals per second over all tenants; 0 = as fast as possible. Default: 1000/s.")
    private Long rate = 1000L;

    @Option(
            names = "--burst",
            paramLabel = "N",
            description =
                    "Send N signals at once, then wait until the rate allows the next N. Default: ${DEFAULT-VALUE}.")
    private int burst = 1;

    @Option(
            names = "--tenant-source",
            paramLabel = "SOURCE",
            completionCandidates = Sources.class,
            description = "Where the tenant is named: header, key, topic or value. Default: the setting tenant.source.")
    private @Nullable String tenantSource;

    static final class Sources implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return List.of("header", "key", "topic", "value").iterator();
        }
    }

    @Option(
            names = "--skew",
            paramLabel = "S",
            description =
                    "The k-th tenant's share is proportional to 1 / k^S. Default: ${DEFAULT-VALUE}, equal shares.")
    private double skew;

    @Option(
            names = "--entities",
            paramLabel = "N",
            description = "Distinct entities of each kind per tenant. Default: ${DEFAULT-VALUE}.")
    private int entities = 1000;

    @Option(names = "--size", paramLabel = "BYTES", description = "Size of a value. Default: ${DEFAULT-VALUE}.")
    private int size = 200;

    @Option(
            names = "--duration",
            paramLabel = "TIME",
            converter = Amounts.DurationConverter.class,
            description = "How long to send. Default: 10s.")
    private Duration duration = Duration.ofSeconds(10);

    @Option(names = "--max-signals", paramLabel = "N", description = "Maximum number of signals. Default: no limit.")
    private long maxSignals = Long.MAX_VALUE;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the sequence. Default: ${DEFAULT-VALUE}.")
    private long seed = 1;

    @Option(names = "--create-tenants", description = "First create an unlimited config for each tenant without one.")
    private boolean createTenants;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        check("--tenants", tenants, 1, TENANTS_MAX);
        check("--entities", entities, 1, Integer.MAX_VALUE);
        check("--size", size, 1, SIZE_MAX);
        check("--max-signals", maxSignals, 1, Long.MAX_VALUE);
        check("--burst", burst, 1, BURST_MAX);
        if (burst > 1 && rate == 0) {
            throw new ParameterException(
                    spec.commandLine(), "--burst needs a rate, and --rate 0 is as fast as possible");
        }
        TenantSource source = source();
        if (!(skew >= 0 && skew <= SKEW_MAX)) {
            throw new ParameterException(
                    spec.commandLine(), "--skew = %s is outside 0 to %d".formatted(skew, SKEW_MAX));
        }
        Settings settings = options.loadConnected();
        if (!settings.signalMapping().equals(SignalMapping.DEFAULT)) {
            throw new SettingsException("load sends signals in Tidegate's own format, so signal.format, signal.tenant,"
                    + " signal.type, signal.item, signal.user and signal.creator must have their defaults");
        }
        PrintWriter err = spec.commandLine().getErr();
        LoadGenerator generator = new LoadGenerator(
                settings,
                new LoadGenerator.Plan(tenants, rate, skew, entities, size, duration, maxSignals, seed, burst, source));
        generator.checkTopics();
        prepareTenants(settings, err);
        LoadGenerator.Progress counts = new LoadGenerator.Progress();
        AtomicBoolean done = new AtomicBoolean();
        long begin = System.nanoTime();
        Thread display = new Thread(() -> display(counts, begin, done), "progress");
        display.start();
        try {
            generator.run(counts, Thread.currentThread()::isInterrupted);
        } finally {
            done.set(true);
            display.join();
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        PrintWriter out = spec.commandLine().getOut();
        out.println(output.isTable() ? text(counts, seconds) : output.line(json(counts, seconds)));
        out.flush();
        return ExitCodes.OK;
    }

    private @Nullable TenantSource source() {
        if (tenantSource == null) {
            return null;
        }
        try {
            return TenantSource.of(tenantSource);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--tenant-source = %s is not one of header, key, topic and value".formatted(tenantSource),
                    e);
        }
    }

    private static ObjectNode json(LoadGenerator.Progress counts, double seconds) {
        return Json.object()
                .put("records", counts.acknowledgedCount())
                .put("bytes", counts.byteCount())
                .put("seconds", seconds)
                .put("records_per_sec", counts.acknowledgedCount() / seconds)
                .put("latency_avg_ms", counts.latencyAvgMs())
                .put("latency_p50_ms", counts.latencyMs(0.5))
                .put("latency_p95_ms", counts.latencyMs(0.95))
                .put("latency_p99_ms", counts.latencyMs(0.99))
                .put("latency_p999_ms", counts.latencyMs(0.999))
                .put("latency_max_ms", counts.latencyMs(1));
    }

    private static String text(LoadGenerator.Progress counts, double seconds) {
        return String.format(
                Locale.ROOT,
                "%d records sent, %.1f records/sec (%.2f MB/sec), %.2f ms avg latency, %d ms max latency, %d ms 50th,"
                        + " %d ms 95th, %d ms 99th, %d ms 99.9th.",
                counts.acknowledgedCount(),
                counts.acknowledgedCount() / seconds,
                counts.byteCount() / seconds / (1024 * 1024),
                counts.latencyAvgMs(),
                counts.latencyMs(1),
                counts.latencyMs(0.5),
                counts.latencyMs(0.95),
                counts.latencyMs(0.99),
                counts.latencyMs(0.999));
    }

    private void check(String option, long value, long min, long max) {
        if (value < min || value > max) {
            throw new ParameterException(
                    spec.commandLine(), "%s = %d is outside %d to %d".formatted(option, value, min, max));
        }
    }

    private void prepareTenants(Settings settings, PrintWriter err) {
        TenantDirectory directory = new TenantDirectory(settings);
        var configs = directory.configs();
        List<TenantConfig> missing = new ArrayList<>();
        for (int i = 1; i <= tenants; i++) {
            TenantId id = TenantId.of(i);
            if (!configs.containsKey(id)) {
                missing.add(TenantConfig.unlimited(id, "load"));
            }
        }
        if (createTenants) {
            directory.addAll(missing);
        } else if (!missing.isEmpty()) {
            err.println(
                    "%d of the tenants have no config; unless tenants.unknown=default-config their signals are rejected"
                                    .formatted(missing.size())
                            + " as tenant_unknown. --create-tenants gives them one.");
        }
    }

    private void display(LoadGenerator.Progress counts, long beginNanos, AtomicBoolean done) {
        Progress progress = new Progress(spec.commandLine().getErr(), "sending");
        while (!done.get()) {
            double share = Math.max(
                    (System.nanoTime() - beginNanos) / (double) duration.toNanos(),
                    counts.acknowledgedCount() / (double) maxSignals);
            progress.show(String.format(
                    Locale.ROOT,
                    "%s %3.0f %%  %d sent",
                    Progress.bar(share),
                    Math.min(1, share) * 100,
                    counts.acknowledgedCount()));
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                return;
            }
        }
        progress.done();
    }
}
