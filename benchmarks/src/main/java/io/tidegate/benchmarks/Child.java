package io.tidegate.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A program in its own process, run by {@link Probed}. */
final class Child implements AutoCloseable {
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(60);
    private static final Duration STOPS_WITHIN = Duration.ofSeconds(60);
    private static final int LOG_LINES_SHOWN = 30;

    /**
     * The resources that a process has used so far.
     *
     * @param heapBytes in use now, including garbage unless it was just collected
     */
    record Used(long cpuNanos, long allocatedBytes, long gcMs, long heapBytes) {}

    private final Process process;
    private final Path log;
    private final PrintStream questions;
    private final BlockingQueue<String> answers = new ArrayBlockingQueue<>(16);

    /**
     * @param command whose main class is {@link Probed}
     * @param log the file for its output
     */
    Child(List<String> command, Path log) throws IOException {
        this.log = log;
        process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        questions = new PrintStream(process.getOutputStream(), true, StandardCharsets.US_ASCII);
        Thread reader = new Thread(this::read, "child-output");
        reader.setDaemon(true);
        reader.start();
    }

    private void read() {
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                if (line.startsWith(Probed.ANSWER)) {
                    boolean unused = answers.offer(line.substring(Probed.ANSWER.length()));
                } else {
                    Files.writeString(log, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                }
            }
        } catch (IOException e) {
            // the process was killed
        }
    }

    /** @param collectGarbage whether to collect garbage first, so that the heap contains only live objects */
    Used used(boolean collectGarbage) throws InterruptedException {
        questions.println(collectGarbage ? "gc" : "stat");
        String answer = answers.poll(ANSWERS_WITHIN.toSeconds(), TimeUnit.SECONDS);
        if (answer == null) {
            throw new IllegalStateException("no answer within %s:%n%s".formatted(ANSWERS_WITHIN, logTail()));
        }
        long[] numbers =
                Stream.of(answer.split(" ", -1)).mapToLong(Long::parseLong).toArray();
        return new Used(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Sends a Unix signal, such as STOP. */
    void signal(String name) throws InterruptedException {
        try {
            new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Kills the process, as a power failure would end it. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    long residentBytes() {
        try (Stream<String> status = Files.lines(Path.of("/proc", Long.toString(process.pid()), "status"))) {
            return status.filter(line -> line.startsWith("VmRSS:"))
                    .map(line -> line.replaceAll("\\D", ""))
                    .mapToLong(kib -> Long.parseLong(kib) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException | UncheckedIOException e) {
            return 0; // not Linux, or the process has ended
        }
    }

    String logTail() {
        try (Stream<String> lines = Files.lines(log)) {
            List<String> all = lines.toList();
            return String.join("\n", all.subList(Math.max(0, all.size() - LOG_LINES_SHOWN), all.size()));
        } catch (IOException | UncheckedIOException e) {
            return "(no log: %s)".formatted(e.getMessage());
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(STOPS_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
