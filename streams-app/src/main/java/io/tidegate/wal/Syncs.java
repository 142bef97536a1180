package io.tidegate.wal;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Runs many fsyncs at once: a journaling file system makes those that wait together durable with one write of its
 * journal, so a hundred together take about as long as a few alone.
 *
 * <p>Few are run one after the other by who asks. Returns only when none is under way any more, whatever fails; each is
 * run once at most. The threads are shared by all shards of the process and end when there is nothing to do.
 */
final class Syncs {
    /** From here on it pays to hand them to others. */
    static final int TOGETHER_MIN = 32;

    private static final int THREADS = 16;
    private static final ThreadPoolExecutor POOL = pool();

    /** One fsync. */
    interface Sync {
        void run() throws IOException;
    }

    private Syncs() {}

    private static ThreadPoolExecutor pool() {
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(THREADS, THREADS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
                    Thread thread = new Thread(work, "wal-fsync");
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    /**
     * Runs them all, in any order.
     *
     * @throws IOException the first failure; the rest was run or not
     */
    static void all(List<Sync> syncs) throws IOException {
        if (syncs.size() < TOGETHER_MIN) {
            for (Sync sync : syncs) {
                sync.run();
            }
            return;
        }
        List<Future<?>> running = new ArrayList<>(syncs.size());
        for (Sync sync : syncs) {
            running.add(POOL.submit(() -> {
                sync.run();
                return true;
            }));
        }
        IOException failure = null;
        boolean interrupted = false;
        for (Future<?> one : running) {
            for (boolean ended = false; !ended; ) {
                try {
                    one.get();
                    ended = true;
                } catch (ExecutionException e) {
                    ended = true;
                    failure = failure != null ? failure : new IOException(e.getCause());
                } catch (InterruptedException e) {
                    interrupted = true; // the files stay open until the last one has ended
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failure != null) {
            throw failure;
        }
    }
}
