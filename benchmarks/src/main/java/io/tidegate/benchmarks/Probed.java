package io.tidegate.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Runs another main class, and answers queries about this process on its standard input: {@code stat}, and {@code gc}, which
 * collects garbage first.
 *
 * <p>An answer is one line on standard output that begins with {@link #ANSWER}; all other lines there are the program's log.
 * The class uses only the JDK, so it can run programs with any class path. Arguments: the main class, then its arguments.
 */
public final class Probed {
    static final String ANSWER = "@probe ";
    private static final long STOPS_WITHIN_MS = 60_000;

    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** The last count seen of each thread id, so that a thread's allocations still count after it has ended. */
    private static final Map<Long, Long> ALLOCATED = new HashMap<>();

    private Probed() {}

    public static void main(String[] args) throws ReflectiveOperationException {
        PrintStream out = System.out;
        Thread answering = new Thread(() -> answer(out), "probe");
        answering.setDaemon(true);
        answering.start();
        Method main = Class.forName(args[0]).getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        main.invoke(null, (Object) Arrays.copyOfRange(args, 1, args.length));
    }

    private static void answer(PrintStream out) {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        try {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (line.equals("gc")) {
                    System.gc();
                }
                out.println(ANSWER + stat());
            }
        } catch (IOException e) {
            // the parent has ended
        }
        // The parent ends this process, or has ended itself. Shutdown hooks, such as that of a recording, get time to
        // write.
        Thread last = new Thread(Probed::haltLater, "halt");
        last.setDaemon(true);
        last.start();
        System.exit(0);
    }

    private static void haltLater() {
        try {
            Thread.sleep(STOPS_WITHIN_MS);
        } catch (InterruptedException e) {
            // halts at once
        }
        Runtime.getRuntime().halt(0);
    }

    private static String stat() {
        long[] ids = THREADS.getAllThreadIds();
        long[] bytes = THREADS.getThreadAllocatedBytes(ids);
        for (int i = 0; i < ids.length; i++) {
            if (bytes[i] >= 0) {
                ALLOCATED.put(ids[i], bytes[i]);
            }
        }
        long allocated = ALLOCATED.values().stream().mapToLong(Long::longValue).sum();
        long cpuNanos = ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
        long gcMs = ManagementFactory.getGarbageCollectorMXBeans().stream()
                .mapToLong(GarbageCollectorMXBean::getCollectionTime)
                .sum();
        Runtime runtime = Runtime.getRuntime();
        return "%d %d %d %d".formatted(cpuNanos, allocated, gcMs, runtime.totalMemory() - runtime.freeMemory());
    }
}
