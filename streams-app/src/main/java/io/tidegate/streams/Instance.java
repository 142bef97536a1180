package io.tidegate.streams;

import io.tidegate.contract.Topics;
import io.tidegate.streams.InstanceNotices.PauseCause;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KafkaStreams.State;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsException;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One running instance: Kafka Streams with Tidegate's topology, and the reaction to failed threads and full disks.
 *
 * <p>A thread that fails is replaced. The new thread starts at the committed offset, so nothing is lost or duplicated.
 * A failure that a restart cannot fix (damage, a gap), or too many failures in a short time, end the instance. While
 * the disk has too little room the instance pauses: signals wait in Kafka. Thread-safe.
 */
public final class Instance implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Instance.class);

    private static final Duration CHECK_EVERY = Duration.ofSeconds(1);
    private static final Duration REPLACED_WITHIN = Duration.ofSeconds(30);
    private static final Duration IDLE_MAX = Duration.ofMinutes(1);
    private static final Duration CLOSE_WITHIN = Duration.ofSeconds(60);

    /** After a failure that ends the instance, threads have less time: others repeat what they do not commit. */
    private static final Duration END_WITHIN = Duration.ofSeconds(10);

    /** The free space required to resume, relative to the minimum, so that the instance does not flap. */
    private static final double RESUME_FACTOR = 1.1;

    private final TransactionalClients clients;
    private final KafkaStreams streams;
    private final InstanceView view;
    private final GroupWatch group;
    private final DataDir dir;
    private final long diskMinFreeBytes;
    private final int threads;
    private final IdleWatch idleWatch = new IdleWatch(IDLE_MAX);
    private final ScheduledExecutorService watch = Daemons.one("tidegate-watch");
    private final CountDownLatch running = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);
    private final CountDownLatch closing = new CountDownLatch(1);
    private final ThreadFailures failures = new ThreadFailures();

    /** A thread has failed since the disk was checked. Without a failure, no files are created to check it. */
    private final AtomicBoolean diskIsSuspect = new AtomicBoolean();

    private final ThreadReplacement replacement = new ThreadReplacement();
    private final EndingThreads ending = new EndingThreads();
    private final InstanceListener listener;
    private final InstanceNotices notices = new InstanceNotices();
    private final Object pausing = new Object();
    private final Readiness readiness;
    private volatile Runnable onThreadFailure = () -> {};
    private volatile @Nullable Throwable fatal;
    private volatile @Nullable Throwable lastFailure;

    /**
     * @param topics the topics of the topology
     * @param shards the number of partitions of each topic keyed by tenant
     * @param session how long brokers keep the tasks of a silent instance
     * @param alignment aligns the partitions of {@code signals}; null: each is read as fast as possible
     * @param continuity receives the reports of the topology's stages
     * @param listener receives the failures of threads
     */
    public Instance(
            Topology topology,
            Properties config,
            DataDir dir,
            long diskMinFreeBytes,
            Topics topics,
            int shards,
            Duration session,
            @Nullable Alignment alignment,
            Continuity continuity,
            InstanceListener listener) {
        this.dir = dir;
        this.listener = listener;
        this.diskMinFreeBytes = diskMinFreeBytes;
        LostRecords lost = new LostRecords(listener);
        readiness = new Readiness(topics.signals());
        clients = new TransactionalClients(
                topics,
                config.getProperty(StreamsConfig.APPLICATION_ID_CONFIG),
                alignment,
                readiness,
                continuity,
                lost);
        Properties own = new Properties();
        own.putAll(config);
        own.put(StreamsConfig.InternalConfig.INTERNAL_CONSUMER_WRAPPER, PositioningConsumer.class);
        own.put(PositioningConsumer.CONTINUITY, continuity);
        if (alignment != null) {
            own.put(Alignment.KEY, alignment);
        }
        own.put(Readiness.KEY, readiness);
        own.put(PositioningConsumer.LOST, lost);
        StreamsConfig streamsConfig = new StreamsConfig(own);
        threads = streamsConfig.getInt(StreamsConfig.NUM_STREAM_THREADS_CONFIG);
        streams = new KafkaStreams(topology, streamsConfig, clients);
        streams.setUncaughtExceptionHandler(this::failed);
        streams.setStateListener((now, before) -> stateChanged(now));
        InstanceView.Restores restores = new InstanceView.Restores();
        streams.setGlobalStateRestoreListener(restores);
        group = new GroupWatch(
                clients::admin,
                topics,
                shards,
                config.getProperty(StreamsConfig.APPLICATION_ID_CONFIG),
                "streams".equalsIgnoreCase(config.getProperty(StreamsConfig.GROUP_PROTOCOL_CONFIG)),
                () -> InstanceView.here(streams),
                alignment == null ? Alignment.none() : alignment);
        view = new InstanceView(streams, topics, shards, restores, session, failures, notices, group::progress);
    }

    /**
     * Starts, and returns when all configs are read; processing of records begins later ({@link #awaitRunning}).
     *
     * @throws DamagedStateException if the files of a state store are damaged
     */
    public void start() {
        try {
            streams.start();
        } catch (StreamsException e) {
            DamagedStateException damage = DamagedStateException.in(e, dir.streamsState());
            throw damage == null ? e : damage;
        }
        clients.start();
        group.start();
        var unusedDisk =
                watch.scheduleWithFixedDelay(this::checkDisk, 0, CHECK_EVERY.toMillis(), TimeUnit.MILLISECONDS);
        var unusedIdle =
                watch.scheduleWithFixedDelay(this::checkIdle, 0, CHECK_EVERY.toMillis(), TimeUnit.MILLISECONDS);
        var unusedEnding =
                watch.scheduleWithFixedDelay(this::checkEnding, 0, CHECK_EVERY.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Waits until all tasks of this instance run; returns false on timeout or if the instance ends before. */
    public boolean awaitRunning(Duration within) throws InterruptedException {
        return running.await(within.toMillis(), TimeUnit.MILLISECONDS)
                && streams.state().isRunningOrRebalancing();
    }

    /**
     * Waits until the instance has ended.
     *
     * @return the failure that ended it; null if it was {@linkplain #close closed}
     */
    public @Nullable Throwable awaitEnd() throws InterruptedException {
        ended.await();
        return fatal;
    }

    public InstanceView view() {
        return view;
    }

    /** Returns the number of producers' transactions that block the readers of the ingress topics. */
    public int openIngressTransactions() {
        return clients.openIngressTransactions();
    }

    public boolean isPaused() {
        return streams.isPaused();
    }

    public State state() {
        return streams.state();
    }

    /** Stops processing until {@link #resume}; signals wait in Kafka. Idempotent. */
    public void pause(PauseCause cause, String why) {
        if (pauseNow(cause, why)) {
            LOG.error("paused: {}", why);
        }
    }

    /** Causes come and go on several threads: a cause and its effect change together. Returns whether the cause is new. */
    private boolean pauseNow(PauseCause cause, String why) {
        synchronized (pausing) {
            boolean fresh = !notices.isPausedFor(cause);
            notices.paused(cause, why);
            streams.pause();
            return fresh;
        }
    }

    /** Resumes processing unless there is another cause for the pause. Idempotent. */
    public void resume(PauseCause cause) {
        synchronized (pausing) {
            if (notices.isPausedFor(cause) && notices.resumed(cause)) {
                streams.resume();
                LOG.info("resumed, the cause is gone cause={}", cause);
            }
        }
    }

    /** Ends the instance with a failure that it cannot fix; {@link #awaitEnd} returns it. */
    public void end(Throwable why) {
        LOG.error("stopping: {}", why.getMessage());
        fatal = why;
        running.countDown();
        ended.countDown();
    }

    /**
     * Processes records of the ingress topics only when they are ready. Must be called before {@link #start}.
     *
     * @param isReady called often by stream threads, so it must return at once. A record that is not ready waits in
     *     Kafka, blocks the records behind it in its partition, and is checked again
     * @param why the reason why records are not ready; null if all are
     */
    public void processWhenReady(Predicate<ConsumerRecord<byte[], byte[]>> isReady, Supplier<@Nullable String> why) {
        readiness.decidedBy(isReady);
        notices.waits(why);
    }

    /** Sets the rules that topics violate now, each with the command that fixes it. */
    public void topicFindings(List<String> findings) {
        notices.topicFindings(findings);
    }

    /** @param action called each time a thread fails; must return at once */
    public void onThreadFailure(Runnable action) {
        onThreadFailure = action;
    }

    /** The metrics of Kafka Streams and its clients. */
    public Map<MetricName, ? extends Metric> kafkaMetrics() {
        return streams.metrics();
    }

    /** Commits the finished work, leaves the group, so that other instances take over at once, and stops. */
    @Override
    public void close() {
        closing.countDown();
        watch.shutdownNow();
        group.close();
        clients.close();
        Duration within = fatal == null ? CLOSE_WITHIN : END_WITHIN;
        if (!streams.close(CloseOptions.timeout(within)
                .withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP))) {
            LOG.warn("not all threads stopped in time seconds={}", within.toSeconds());
        }
        running.countDown();
        ended.countDown();
    }

    private void stateChanged(State now) {
        LOG.info("Kafka Streams changed its state state={}", now);
        if (now == State.RUNNING) {
            running.countDown();
        } else if (now == State.ERROR || now == State.NOT_RUNNING) {
            if (now == State.ERROR && fatal == null) {
                fatal = lastFailure != null ? lastFailure : new IllegalStateException("Kafka Streams failed");
            }
            running.countDown();
            ended.countDown();
        }
    }

    private StreamThreadExceptionResponse failed(Throwable failure) {
        boolean replaceable = replacement.failureBegins();
        try {
            return failed(failure, replaceable);
        } finally {
            replacement.failureEnds(System.nanoTime());
        }
    }

    private StreamThreadExceptionResponse failed(Throwable failure, boolean replaceable) {
        StreamThreadExceptionResponse response = responseTo(failure);
        if (response == StreamThreadExceptionResponse.REPLACE_THREAD && !replaceable) {
            LOG.error("stopping: a thread failed while idle threads were replaced");
            fatal = failure;
            response = StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        }
        diskIsSuspect.set(true);
        listener.threadFailed(response == StreamThreadExceptionResponse.REPLACE_THREAD);
        onThreadFailure.run();
        if (response == StreamThreadExceptionResponse.REPLACE_THREAD) {
            pause(failures.pauseMs());
            ending.failed(Thread.currentThread(), System.nanoTime());
        } else {
            endSoon();
        }
        return response;
    }

    /** Ends the instance when Kafka Streams has stopped, and after a while at the latest: it closes the stores one by one. */
    private void endSoon() {
        try {
            var unused = watch.schedule(
                    () -> {
                        running.countDown();
                        ended.countDown();
                    },
                    END_WITHIN.toMillis(),
                    TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("closing already", e);
        }
    }

    private StreamThreadExceptionResponse responseTo(Throwable failure) {
        lastFailure = failure;
        clients.abortTransactionOf(Thread.currentThread());
        WalException wal = walFailureIn(failure);
        if (wal != null && !wal.mayPass()) {
            LOG.error("stopping: {}", wal.getMessage());
            fatal = wal;
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        }
        DamagedStateException damage = DamagedStateException.in(failure, dir.streamsState());
        if (damage != null) {
            LOG.error("stopping: {}", damage.getMessage(), failure);
            fatal = damage;
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        }
        if (hasCause(failure, OutOfMemoryError.class)) {
            // The state of this process can no longer be trusted, and another thread would only fail again.
            fatal = new IllegalStateException(
                    ("out of memory: the heap of %d MiB is full (%s). Give Java a larger one (-Xmx), or lower cache.bytes"
                                    + " and entities.max on all instances")
                            .formatted(Runtime.getRuntime().maxMemory() >> 20, failure),
                    failure);
            LOG.error("stopping: {}", fatal.getMessage(), failure);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        }
        if (failures.add(System.nanoTime())) {
            LOG.error(
                    "stopping: threads failed {} times within {} minutes, the last time as follows",
                    ThreadFailures.MAX + 1,
                    ThreadFailures.WITHIN.toMinutes(),
                    failure);
            fatal = new RepeatedFailureException(failure);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        }
        if (KafkaInternals.isGlobalThread(Thread.currentThread())) {
            LOG.error("stopping: the configs of tenants cannot be read any more", failure);
            fatal = failure;
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        }
        long pauseMs = failures.pauseMs();
        LOG.error("a thread failed; another one begins at the committed offset pause_ms={}", pauseMs, failure);
        return StreamThreadExceptionResponse.REPLACE_THREAD;
    }

    /** Waits on the failed thread, before its successor starts. Closing the instance ends the wait. */
    private void pause(long pauseMs) {
        try {
            var unused = closing.await(pauseMs, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static @Nullable WalException walFailureIn(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof WalException wal) {
                return wal;
            }
        }
        return null;
    }

    private static boolean hasCause(Throwable failure, Class<? extends Throwable> type) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (type.isInstance(cause)) {
                return true;
            }
        }
        return false;
    }

    private void checkIdle() {
        try {
            boolean rebalancing = streams.state() == State.REBALANCING;
            // Threads that fail join again anyway.
            if (idleWatch.tooLong(rebalancing, this::hasTasks, System.nanoTime())
                    && replacement.removalBegins(System.nanoTime())) {
                LOG.warn("no tasks for {}, joining the group again", IDLE_MAX);
                try {
                    replaceThreads();
                } finally {
                    replacement.removalEnds();
                }
            }
        } catch (RuntimeException e) {
            LOG.warn("joining the group again failed", e);
        }
    }

    private void checkEnding() {
        try {
            Thread stuck = ending.stuck(System.nanoTime());
            if (stuck != null && fatal == null) {
                end(new IllegalStateException(
                        ("thread %s failed and cannot give its shards back, because the thread that restores them has died;"
                                        + " other instances take over when this process has ended")
                                .formatted(stuck.getName()),
                        lastFailure));
            }
        } catch (RuntimeException e) {
            LOG.warn("the failed threads cannot be examined", e);
        }
    }

    private void replaceThreads() {
        ThreadReplacement.replaceAll(
                new ThreadReplacement.Threads() {
                    @Override
                    public int live() {
                        return (int) streams.metadataForLocalThreads().stream()
                                .filter(thread -> !"PENDING_SHUTDOWN".equals(thread.threadState()))
                                .count();
                    }

                    @Override
                    public void remove() {
                        streams.removeStreamThread(REPLACED_WITHIN);
                    }

                    @Override
                    public void add() {
                        streams.addStreamThread();
                    }
                },
                threads);
    }

    /**
     * Whether this instance has tasks with a store, running or in restoration; without any it decides and writes
     * nothing.
     */
    private boolean hasTasks() {
        return !streams.allLocalStorePartitionLags().isEmpty();
    }

    private void checkDisk() {
        try {
            long free = dir.freeBytes();
            boolean paused = notices.isPausedFor(PauseCause.DISK);
            if (paused) {
                if (free >= diskMinFreeBytes * RESUME_FACTOR && dir.takesFiles()) {
                    LOG.info("resumed, the disk has room again dir={} free_bytes={}", dir.root(), free);
                    resume(PauseCause.DISK);
                }
            } else if (free < diskMinFreeBytes) {
                pauseNow(PauseCause.DISK, "the disk is nearly full");
                LOG.error(
                        "paused, the disk is nearly full; signals wait in Kafka until there is room dir={} free_bytes={}"
                                + " needed_bytes={}",
                        dir.root(),
                        free,
                        diskMinFreeBytes);
            } else if (diskIsSuspect.getAndSet(false) && !dir.takesFiles()) {
                pauseNow(PauseCause.DISK, "the disk takes no new files");
                LOG.error(
                        "paused, the disk takes no new files; signals wait in Kafka until it does: free inodes (df -i) or quota dir={}"
                                + " free_bytes={}",
                        dir.root(),
                        free);
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("the free space cannot be read dir={}", dir.root(), e);
        }
    }
}
