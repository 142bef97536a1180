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
 * Runs another main class, and answers questions about this process on its standard input: {@code stat}, and {@code gc},
 * which collects garbage first.
 *
 * <p>An answer is one line on standard output that begins with {@link #ANSWER}; everything else there is the program's
 * log. Nothing but the JDK is used, so it goes before programs with any class path. Arguments: the main class, then its
 * own.
 */
public final class Probed {
    static final String ANSWER = "@probe ";
    private static final long STOPS_WITHIN_MS = 60_000;

    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** By thread id: the last that was seen of it, so that what a thread allocated before it ended still counts. */
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
            // the parent is gone
        }
        // The parent ends this process, or is gone. Hooks that write something, such as a recording, have their time.
        Thread last = new Thread(Probed::haltLater, "halt");
        last.setDaemon(true);
        last.start();
        System.exit(0);
    }

    private static void haltLater() {
        try {
            Thread.sleep(STOPS_WITHIN_MS);
        } catch (InterruptedException e) {
            // then now
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
