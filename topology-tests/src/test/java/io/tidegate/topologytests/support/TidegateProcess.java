package io.tidegate.topologytests.support;

import io.tidegate.demo.ChildJvm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The real program as a child process, which tests can kill: a running instance, or one command that runs to its end. */
public final class TidegateProcess implements AutoCloseable {
    /** The factor for all timeouts, for slow machines and for very large loads. */
    static final int PATIENCE = Integer.getInteger("tidegate.test.patience", 1);

    private static final Duration STARTS_WITHIN = Duration.ofMinutes(4).multipliedBy(PATIENCE);
    private static final Duration COMMAND_WITHIN = Duration.ofMinutes(5).multipliedBy(PATIENCE);
    private static final long POLL_MS = 50;

    /** On a busy machine, any process may be late by tens of seconds, so no wait ends before this. */
    private static final Duration PATIENT = Duration.ofMinutes(3);

    private final Process process;
    private final Path log;

    private TidegateProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /** The result of a command. */
    public record Result(int exit, String out, String err) {}

    /** Starts {@code tidegate run} and waits until all its tasks run. */
    public static TidegateProcess run(Path workDir, String heap, Map<String, String> environment, String... arguments)
            throws Exception {
        TidegateProcess started = launch(workDir, heap, environment, arguments);
        try {
            started.awaitRunning();
            return started;
        } catch (AssertionError e) {
            started.close();
            throw e;
        }
    }

    /** Waits until all its tasks run. */
    public void awaitRunning() throws InterruptedException {
        await(STARTS_WITHIN, "the instance to run; its log:\n", this::logText, () -> {
            if (!process.isAlive()) {
                throw new AssertionError(
                        "the instance ended with %d; its log:%n%s".formatted(process.exitValue(), logText()));
            }
            return logText().contains("state=RUNNING");
        });
    }

    /** Starts {@code tidegate run} and returns at once. */
    static TidegateProcess launch(Path workDir, String heap, Map<String, String> environment, String... arguments)
            throws IOException {
        List<String> command = command(heap, "io.tidegate.cli.Tidegate");
        command.add("run");
        command.addAll(List.of(arguments));
        return launch(workDir, command, environment);
    }

    /** Starts {@link FaultyInstance} and returns at once. */
    static TidegateProcess launchFaulty(Path workDir, String heap, String... arguments) throws IOException {
        List<String> command = command(heap, FaultyInstance.class.getName());
        command.addAll(List.of(arguments));
        return launch(workDir, command, Map.of());
    }

    private static TidegateProcess launch(Path workDir, List<String> command, Map<String, String> environment)
            throws IOException {
        Files.createDirectories(workDir);
        Path log = Files.createTempFile(workDir, "instance-", ".log");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        // People and tests read this log, so it is text even if the tests run in a container.
        builder.environment().put("TIDEGATE_LOG_FORMAT", "text");
        builder.environment().putAll(environment);
        Process process = builder.start();
        return new TidegateProcess(process, log);
    }

    /** Runs a command to its end. */
    public static Result command(Path workDir, String... arguments) throws Exception {
        Path out = Files.createTempFile(workDir, "command-", ".out");
        Path err = Files.createTempFile(workDir, "command-", ".err");
        List<String> command = command("-Xmx256m", "io.tidegate.cli.Tidegate");
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        process.getOutputStream().close();
        if (!process.waitFor(COMMAND_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("tidegate %s did not end; stderr:%n%s"
                    .formatted(String.join(" ", arguments), Files.readString(err)));
        }
        return new Result(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }

    private static List<String> command(String heap, String main) {
        List<String> command = ChildJvm.command(heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");
        command.add(main);
        return command;
    }

    /** Waits for a condition. Polls, because processes and brokers send no notification. */
    public static void await(
            Duration within, String what, java.util.function.Supplier<String> more, BooleanSupplier done)
            throws InterruptedException {
        long deadline = System.nanoTime() + Math.max(within.toNanos(), PATIENT.toNanos());
        while (!done.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("waited for %s%s".formatted(what, more.get()));
            }
            Thread.sleep(POLL_MS);
        }
    }

    public long pid() {
        return process.pid();
    }

    public String logText() {
        try {
            return Files.readString(log, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Sends SIGSTOP or SIGCONT. */
    public void signal(String name) throws IOException, InterruptedException {
        signal(pid(), name);
    }

    public static void signal(long pid, String name) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start();
        if (kill.waitFor() != 0) {
            throw new IOException("kill -%s %d ended with %d".formatted(name, pid, kill.exitValue()));
        }
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Whether the process ends within this time. */
    public boolean endsWithin(Duration time) throws InterruptedException {
        return process.waitFor(time.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Sends SIGKILL. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Sends SIGTERM; returns the exit code. */
    public int terminate() throws InterruptedException {
        process.destroy();
        return awaitExit();
    }

    public int awaitExit() throws InterruptedException {
        if (!process.waitFor(COMMAND_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("the instance did not end; its log:\n" + logText());
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
