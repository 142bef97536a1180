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
 * Runs many fsyncs in parallel. A journaling file system makes concurrent fsyncs durable with one write of its journal,
 * so a hundred in parallel take about as long as a few in sequence.
 *
 * <p>Small sets run sequentially on the calling thread. A call returns only when no fsync is running any more, even
 * after a failure; each fsync runs at most once. All shards of the process share the threads, which end when idle.
 */
final class Syncs {
    /** The smallest set that is worth running in parallel. */
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
     * Runs all fsyncs, in any order.
     *
     * @throws IOException the first failure; others may or may not have run
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
                    if (failure == null) {
                        failure = e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
                    }
                } catch (InterruptedException e) {
                    interrupted = true; // the files must stay open until the last fsync has ended
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
