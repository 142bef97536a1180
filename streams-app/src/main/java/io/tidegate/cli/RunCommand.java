package io.tidegate.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.tidegate.admin.BootstrapServers;
import io.tidegate.config.Settings;
import io.tidegate.instance.InstanceRunner;
import io.tidegate.streams.DamagedStateException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        description = "Runs an instance: decides on signals and writes the WAL, until SIGTERM or Ctrl-C.")
final class RunCommand implements Callable<Integer> {
    @Mixin
    private DataDirOptions options = new DataDirOptions();

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (System.getenv("TIDEGATE_LOG_LEVEL") == null) {
            ((Logger) LoggerFactory.getLogger("io.tidegate")).setLevel(Level.INFO);
        }
        org.slf4j.Logger log = LoggerFactory.getLogger(RunCommand.class);
        Settings settings = options.load();
        BootstrapServers.requireKafka(settings);
        InstanceRunner runner;
        try {
            runner = InstanceRunner.start(settings);
        } catch (DamagedStateException e) {
            return ended(log, e);
        }
        Logging.showClientWarnings();
        AtomicBoolean closed = new AtomicBoolean();
        Thread stop = new Thread(() -> close(runner, closed), "stop");
        Runtime.getRuntime().addShutdownHook(stop);
        log.info(
                "started application={} bootstrap={} data_dir={} shards={} entities_max={} topics_created={} http={}",
                settings.applicationId(),
                settings.bootstrapServers(),
                settings.dataDir().toAbsolutePath(),
                settings.shards(),
                settings.entitiesMax(),
                runner.topics().created(),
                runner.url());
        if (Progress.isTerminal()) {
            PrintWriter err = spec.commandLine().getErr();
            String with = options.repeated();
            err.println("to give a tenant limits: %s tenants set 1 --rate 100/s%s".formatted(ProgramName.get(), with));
            err.println("to see what is rejected: %s rejections tail -f%s".formatted(ProgramName.get(), with));
        }
        Throwable failure = runner.instance().awaitEnd();
        close(runner, closed);
        return failure == null ? ExitCodes.OK : ended(log, failure);
    }

    private static int ended(org.slf4j.Logger log, Throwable failure) {
        RunEnd end = RunEnd.of(failure);
        log.error("{}", end.sentence());
        return end.exitCode();
    }

    private static void close(InstanceRunner runner, AtomicBoolean closed) {
        if (closed.compareAndSet(false, true)) {
            try {
                runner.close();
            } catch (IllegalStateException e) {
                LoggerFactory.getLogger(RunCommand.class).warn("closing failed", e);
            }
        }
    }
}
