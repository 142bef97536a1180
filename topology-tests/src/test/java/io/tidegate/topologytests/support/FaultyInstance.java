package io.tidegate.topologytests.support;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.tidegate.config.SettingsLoader;
import io.tidegate.instance.InstanceRunner;
import io.tidegate.streams.AfterCommit;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.LoggerFactory;

/** The program of an instance in which a fault happens at a given commit, just before or after the append that follows it. */
public final class FaultyInstance {
    /** The effect at the commit. */
    public enum Fault {
        /** Halts the process, like kill -9. */
        KILL(1) {
            @Override
            void happen() {
                Runtime.getRuntime().halt(KILLED);
            }
        },
        /** Stops the process until it gets SIGCONT. */
        FREEZE(1) {
            @Override
            void happen() {
                try {
                    TidegateProcess.signal(ProcessHandle.current().pid(), "STOP");
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        },
        /** Fails the thread, and its successors at their first commits. */
        FAIL(8) {
            @Override
            void happen() {
                throw new IllegalStateException("this thread fails for a test");
            }
        };

        private final int times;

        /** @param times the number of consecutive commits at which it happens */
        Fault(int times) {
            this.times = times;
        }

        abstract void happen();
    }

    /** The moment of the fault. */
    public enum Moment {
        BETWEEN_COMMIT_AND_APPEND,
        BETWEEN_APPEND_AND_CHECKPOINT
    }

    /** The exit code of a killed instance. */
    public static final int KILLED = 137;

    private FaultyInstance() {}

    /** Arguments: the fault, the moment, the number of the commit, and those of {@code tidegate run}. */
    public static void main(String[] args) throws Exception {
        ((Logger) LoggerFactory.getLogger("io.tidegate")).setLevel(Level.INFO);
        Fault fault = Fault.valueOf(args[0]);
        Moment moment = Moment.valueOf(args[1]);
        int first = Integer.parseInt(args[2]);
        AtomicInteger commits = new AtomicInteger();
        Map<String, String> flags = new HashMap<>();
        for (int i = 3; i < args.length; i += 2) {
            if (args[i].equals("--data-dir")) {
                flags.put("data.dir", args[i + 1]);
            } else {
                int equals = args[i + 1].indexOf('=');
                flags.put(args[i + 1].substring(0, equals), args[i + 1].substring(equals + 1));
            }
        }
        Runnable harm = () -> {
            int commit = commits.incrementAndGet();
            if (commit >= first && commit < first + fault.times) {
                fault.happen();
            }
        };
        Runnable nothing = () -> {};
        boolean isBefore = moment == Moment.BETWEEN_COMMIT_AND_APPEND;
        AfterCommit afterCommit = new AfterCommit(isBefore ? harm : nothing, isBefore ? nothing : harm);
        try (InstanceRunner runner = InstanceRunner.start(SettingsLoader.load(null, Map.of(), flags), afterCommit)) {
            Throwable failure = runner.instance().awaitEnd();
            if (failure != null) {
                throw new IllegalStateException(failure);
            }
        }
    }
}
