package io.tidegate.topologytests.broker;

import io.tidegate.topologytests.support.BrokerCluster;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Measures one instance with very many tenants: the time to start and to stop, and the resources held in between. */
public final class ManyTenants {
    private static final long SIGNALS_PER_TENANT = 5;
    private static final String RATE = "8000/s";

    private final Path directory;
    private final int tenants;
    private final Consumer<String> report;

    public ManyTenants(Path directory, int tenants, Consumer<String> report) {
        this.directory = directory;
        this.tenants = tenants;
        this.report = report;
    }

    /** Measures; returns whether the conservation check passes. */
    public boolean run() throws Exception {
        try (BrokerCluster cluster = BrokerCluster.start(directory.resolve("brokers"), 1);
                Deployment app = new Deployment(
                        cluster.bootstrapServers(),
                        "many",
                        directory,
                        "shards=8",
                        "threads=2",
                        "wal.open.files.max=1024")) {
            app.heap("-Xmx2g");
            app.init();
            timed(
                    "%d tenants get configs".formatted(tenants),
                    () -> expect(app.tidegate(
                            "load", "--tenants", Integer.toString(tenants), "--create-tenants", "--max-signals", "1")));
            TidegateProcess first = timed("start without files", () -> app.start("a"));
            timed(
                    "%d signals".formatted(tenants * SIGNALS_PER_TENANT),
                    () -> expect(app.tidegate(
                            "load",
                            "--tenants",
                            Integer.toString(tenants),
                            "--max-signals",
                            Long.toString(tenants * SIGNALS_PER_TENANT),
                            "--rate",
                            RATE,
                            "--duration",
                            "1h",
                            "--skew",
                            "0",
                            "--entities",
                            "20",
                            "--size",
                            "150")));
            timed("conservation check", () -> app.verify("a"));
            resources(first);
            timed("stop", first::terminate);
            TidegateProcess second = timed("start with %d directories".formatted(directories()), () -> app.start("a"));
            resources(second);
            timed("kill -9, and start", () -> {
                second.kill();
                return app.start("a");
            });
            app.verify("a");
            return true;
        }
    }

    private static TidegateProcess.Result expect(TidegateProcess.Result result) {
        if (result.exit() != 0) {
            throw new AssertionError(result.err());
        }
        return result;
    }

    private interface Work<T> {
        T run() throws Exception;
    }

    private <T> T timed(String what, Work<T> work) throws Exception {
        long begin = System.nanoTime();
        T result = work.run();
        report.accept("%s: %d ms"
                .formatted(what, Duration.ofNanos(System.nanoTime() - begin).toMillis()));
        return result;
    }

    private long directories() throws IOException {
        try (Stream<Path> all = Files.list(directory.resolve("data-a").resolve("tenants"))) {
            return all.count();
        }
    }

    /** Prints resources from Linux's /proc. */
    private void resources(TidegateProcess process) throws IOException {
        Path proc = Path.of("/proc", Long.toString(process.pid()));
        try (Stream<Path> files = Files.list(proc.resolve("fd"))) {
            report.accept("open files: " + files.count());
        }
        Files.readString(proc.resolve("status"))
                .lines()
                .filter(line -> line.startsWith("VmHWM"))
                .forEach(line -> report.accept(
                        "most memory: " + line.substring("VmHWM:".length()).strip()));
    }
}
