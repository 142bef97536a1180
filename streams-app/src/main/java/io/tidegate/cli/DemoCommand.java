package io.tidegate.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.FileAppender;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TopicReader;
import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.demo.SampleTraffic;
import io.tidegate.instance.InstanceRunner;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.ConservationCheck;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description =
                "Demonstrates Tidegate on this machine, without Docker: a broker, an instance, four sample tenants and their traffic.")
final class DemoCommand implements Callable<Integer> {
    private static final int PORT_MAX = 65_535;
    private static final int HTTP_PORT = 8080;
    private static final Duration REDRAW = Duration.ofSeconds(1);
    private static final Duration REDRAW_IN_A_LOG = Duration.ofSeconds(10);
    private static final Duration RUNS_WITHIN = Duration.ofSeconds(90);
    private static final Duration SETTLE = Duration.ofSeconds(30);
    private static final Duration STOPS_WITHIN = Duration.ofSeconds(90);

    @Option(
            names = "--duration",
            paramLabel = "TIME",
            converter = Amounts.DurationConverter.class,
            description = "Stop after this time, with a conservation check. Default: until Ctrl-C.")
    private @Nullable Duration duration;

    @Option(
            names = "--data-dir",
            paramLabel = "DIR",
            description = "Directory for all files, which are kept. Default: a temporary one, removed at the end.")
    private @Nullable Path dataDir;

    @Option(names = "--port", paramLabel = "PORT", description = "Port of the broker. Default: any free one.")
    private int port;

    @Option(
            names = "--http-port",
            paramLabel = "PORT",
            description = "Port of the API and the dashboard. Default: 8080, or any free one if 8080 is in use.")
    private @Nullable Integer httpPort;

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Spec
    private @Nullable CommandSpec spec;

    private volatile boolean trafficFailed;

    /** The limits in force, by tenant. */
    private volatile Map<TenantId, TenantConfig> limits = Map.of();

    private final CountDownLatch stop = new CountDownLatch(1);
    private final CountDownLatch finished = new CountDownLatch(1);

    @Override
    public Integer call() throws IOException, InterruptedException {
        checkPort("--port", port);
        checkPort("--http-port", httpPort == null ? 0 : httpPort);
        Path root = dataDir != null ? Files.createDirectories(dataDir) : Files.createTempDirectory("tidegate-demo-");
        root = root.toRealPath();
        // Ctrl-C: ends the traffic, and delays the exit until everything is stopped.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.countDown();
            awaitQuietly(finished, STOPS_WITHIN);
        }));
        try {
            logTo(root.resolve("tidegate.log"));
            return demo(root);
        } finally {
            if (dataDir == null) {
                delete(root);
            }
            finished.countDown();
        }
    }

    private void checkPort(String option, int value) {
        if (value < 0 || value > PORT_MAX) {
            throw new ParameterException(
                    spec.commandLine(), "%s = %d is outside 0 to %d".formatted(option, value, PORT_MAX));
        }
    }

    /** Returns the usual port if it is free: the demo should also start beside another program. */
    private int httpPort() {
        if (httpPort != null) {
            return httpPort;
        }
        try (ServerSocket socket = new ServerSocket(HTTP_PORT, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            return 0;
        }
    }

    private int demo(Path root) throws IOException, InterruptedException {
        print("starting a Kafka broker …");
        try (EmbeddedBroker broker = EmbeddedBroker.start(root.resolve("broker"), port, Map.of())) {
            Logging.showClientWarnings(); // not earlier: until the broker is up, every attempt logs a warning
            Settings settings = settings(broker, root.resolve("data"), httpPort());
            print("creating topics and starting Tidegate …");
            try (InstanceRunner runner = InstanceRunner.start(settings)) {
                TenantDirectory tenants = new TenantDirectory(settings);
                tenants.addAll(SampleTraffic.TENANTS);
                if (!runner.instance().awaitRunning(RUNS_WITHIN)) {
                    print("Tidegate did not start within %d s; see %s"
                            .formatted(RUNS_WITHIN.toSeconds(), root.resolve("tidegate.log")));
                    return ExitCodes.FAILED;
                }
                hints(broker.bootstrapServers(), settings.dataDir(), runner.url());
                runTraffic(settings, tenants, broker);
                if (trafficFailed) {
                    // Its threads need not try to commit to a broker that may be gone.
                    runner.instance().end(new IllegalStateException("the demo failed"));
                    return ExitCodes.FAILED;
                }
                if (duration == null) {
                    print("stopping …");
                    return ExitCodes.OK;
                }
                return checkConservation(settings);
            }
        }
    }

    private static Settings settings(EmbeddedBroker broker, Path data, int httpPort) {
        Map<String, String> flags = Map.of(
                Settings.HTTP_PORT, Integer.toString(httpPort),
                Settings.BOOTSTRAP_SERVERS, broker.bootstrapServers(),
                Settings.DATA_DIR, data.toString(),
                Settings.SHARDS, "4",
                Settings.INSTANCE, "demo",
                Settings.WAL_SEGMENT_BYTES, Long.toString(SampleTraffic.SEGMENT_BYTES),
                Settings.DISK_MIN_FREE_BYTES, Long.toString(64L * 1024 * 1024));
        return SettingsLoader.load(null, Map.of(), flags);
    }

    private void runTraffic(Settings settings, TenantDirectory tenants, EmbeddedBroker broker)
            throws IOException, InterruptedException {
        Thread traffic = new Thread(() -> new SampleTraffic(settings).run(() -> stop.getCount() == 0), "traffic");
        traffic.setUncaughtExceptionHandler((thread, failure) -> {
            print("the traffic stopped: " + failure.getMessage());
            trafficFailed = true;
            stop.countDown();
        });
        Map<TenantId, TenantUsage> usages = new ConcurrentSkipListMap<>();
        try (TopicReader reader = tenants.usageReader()) {
            Thread follower = new Thread(
                    () -> reader.follow(() -> stop.getCount() == 0, record -> TenantDirectory.put(usages, record)),
                    "usage");
            Thread configs = new Thread(() -> followLimits(tenants), "limits");
            traffic.start();
            follower.start();
            configs.start();
            long begin = System.nanoTime();
            long drawn = begin;
            Duration redraw = Progress.isTerminal() ? REDRAW : REDRAW_IN_A_LOG;
            LiveTable live = new LiveTable(LiveTable.terminalColumns());
            boolean isLast = false;
            while (!isLast) {
                isLast = stop.await(REDRAW.toMillis(), TimeUnit.MILLISECONDS);
                String end = broker.end();
                if (end != null && !isLast) {
                    print(end);
                    trafficFailed = true;
                }
                long now = System.nanoTime();
                isLast |= trafficFailed || (duration != null && now - begin > duration.toNanos());
                if (isLast || now - drawn >= redraw.toNanos()) {
                    live.draw(spec.commandLine().getErr(), usages, limits, (now - drawn) / 1e9);
                    drawn = now;
                }
            }
            stop.countDown();
            traffic.join();
            follower.join();
            configs.join();
        }
    }

    /** Rereads the limits in force repeatedly, because the demo invites users to change them. */
    private void followLimits(TenantDirectory tenants) {
        try {
            do {
                TenantDirectory.Snapshot snapshot = tenants.snapshot();
                Map<TenantId, TenantConfig> read = new HashMap<>();
                snapshot.tenants().keySet().forEach(id -> {
                    TenantConfig inForce = tenants.inForce(snapshot, id);
                    if (inForce != null) {
                        read.put(id, inForce);
                    }
                });
                limits = Map.copyOf(read);
            } while (!stop.await(REDRAW.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (AdminException | KafkaException e) {
            print("the limits can no longer be read: " + Table.printable(ErrorText.of(e)));
        }
    }

    private int checkConservation(Settings settings) throws IOException {
        print("checking conservation …");
        ConservationCheck.Balance balance =
                new ConservationCheck(settings).check(List.of(new DataDir(settings.dataDir())), SETTLE, progress -> {});
        return ExitCodes.afterPrinting(balance.balanced() ? ExitCodes.OK : ExitCodes.DAMAGE, () -> print(balance));
    }

    private void print(ConservationCheck.Balance balance) {
        PrintWriter out = spec.commandLine().getOut();
        if (output.asObjects()) {
            ObjectNode json = VerifyCommand.json(balance);
            ObjectNode labels = json.putObject("labels");
            SampleTraffic.TENANTS.forEach(config -> labels.put(config.tenantId().decimal(), config.label()));
            json.put("duration_s", duration == null ? 0 : duration.toSeconds());
            out.println(output.line(json));
        } else {
            VerifyCommand.print(balance, out);
        }
        out.flush();
    }

    private void hints(String bootstrap, Path data, @Nullable String url) {
        print("");
        print("Tidegate is running. In a browser:");
        print("  " + url + "/");
        print("In a second terminal:");
        for (String command : List.of(
                "tenants ls --bootstrap-server %s".formatted(bootstrap),
                "tenants set 2 --rate 500/s --burst 1000 --bootstrap-server %s".formatted(bootstrap),
                "rejections tail -f --bootstrap-server %s".formatted(bootstrap),
                "wal cat 1 --data-dir %s".formatted(ShellText.quoted(data)),
                "wal verify --data-dir %s".formatted(ShellText.quoted(data)))) {
            print("  " + ProgramName.get() + " " + command);
        }
        print("  curl %s/v1/tenants/2/usage".formatted(url));
        print("");
    }

    private void print(String text) {
        spec.commandLine().getErr().println(text);
        spec.commandLine().getErr().flush();
    }

    private static void logTo(Path file) {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setContext(context);
        encoder.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX,UTC} %-5level %logger{0} %msg%n");
        encoder.start();
        FileAppender<ILoggingEvent> appender = new FileAppender<>();
        appender.setContext(context);
        appender.setFile(file.toString());
        appender.setEncoder(encoder);
        appender.start();
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.detachAndStopAllAppenders();
        root.addAppender(appender);
        context.getLogger("io.tidegate").setLevel(Level.INFO);
    }

    private static void awaitQuietly(CountDownLatch latch, Duration within) {
        try {
            if (!latch.await(within.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("tidegate: not everything stopped within %d s".formatted(within.toSeconds()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void delete(Path root) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
