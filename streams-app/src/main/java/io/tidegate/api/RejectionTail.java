package io.tidegate.api;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.TopicReader;
import io.tidegate.config.Settings;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.http.Access.Principal;
import io.tidegate.http.EventStream;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Shares;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rejections as they happen, for all live streams of this instance: one consumer of {@code quota-exceeded} and {@code
 * signals-dead-letter}, however many look, and none while nobody does.
 *
 * <p>It must not cost what it shows: a flood of rejections is read up to so many a second, fewer where many look, and what is more is skipped and
 * said so. Each record is written as text once, and only if somebody wants it. Thread-safe.
 */
public final class RejectionTail implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RejectionTail.class);

    private static final int RECORDS_PER_WINDOW_MAX = 5_000;

    /** Over all streams; each is a write to a connection. */
    private static final int EVENTS_PER_WINDOW_MAX = 2_000;

    private static final Duration WINDOW = Duration.ofSeconds(1);
    private static final Duration HEARTBEAT_EVERY = Duration.ofSeconds(10);
    private static final byte[] HEARTBEAT = ": still here\n\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] SKIPPED = event("skipped", "{}");
    private static final byte[] FAILED = event("failed", "{}");

    /**
     * Which rejections.
     *
     * @param tenant null = all
     * @param reasons empty = all
     * @param deadLetters whether records that could not be judged, too
     */
    public record Filter(@Nullable TenantId tenant, Set<String> reasons, boolean deadLetters) {
        boolean wants(boolean deadLetter, @Nullable String ofTenant, @Nullable String reason) {
            return (deadLetters || !deadLetter)
                    && (tenant == null || tenant.decimal().equals(ofTenant))
                    && (reasons.isEmpty() || (reason != null && reasons.contains(reason)));
        }
    }

    private record Listener(Principal principal, Filter filter, EventStream stream) {}

    private final Settings settings;
    private final RejectionJson rejectionJson;
    private final Shares places;
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private final ScheduledExecutorService heart = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "tidegate-http-heartbeat");
        thread.setDaemon(true);
        return thread;
    });
    private boolean reading;

    /** Events that may be sent now; the reader's alone, as is whether it has left records out since it last showed one. */
    private long budget;

    private boolean behind;
    private volatile boolean closed;

    public RejectionTail(Settings settings, RejectionJson rejectionJson) {
        this.settings = settings;
        this.rejectionJson = rejectionJson;
        // Streams alone must not fill the server: half of the connections are left to requests.
        places = new Shares(
                Math.min(settings.http().streamsMax(), settings.http().connectionsMax() / 2));
        var unused = heart.scheduleAtFixedRate(
                this::beat, HEARTBEAT_EVERY.toMillis(), HEARTBEAT_EVERY.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void beat() {
        listeners.forEach(listener -> listener.stream().offer(HEARTBEAT));
    }

    /**
     * Shows rejections from now on.
     *
     * @throws Problem where there are as many streams as there may be
     */
    public synchronized void add(Principal principal, Filter filter, EventStream stream) {
        if (closed || !places.take(principal)) {
            throw Problem.retryLater(
                    Problem.Kind.TOO_MANY_STREAMS,
                    "%d streams are open already; one token may have %d"
                            .formatted(places.taken(), places.of(principal)),
                    5);
        }
        Listener listener = new Listener(principal, filter, stream);
        listeners.add(listener);
        stream.whenEnded(() -> ended(listener));
        if (!reading) {
            reading = true;
            Thread reader = new Thread(this::read, "tidegate-http-tail");
            reader.setDaemon(true);
            reader.start();
        }
    }

    private synchronized void ended(Listener listener) {
        if (listeners.remove(listener)) {
            places.release(listener.principal());
        }
    }

    public int size() {
        return listeners.size();
    }

    private void read() {
        List<String> topics =
                List.of(settings.topics().quotaExceeded(), settings.topics().deadLetter());
        try (TopicReader reader = new TopicReader(settings, topics)) {
            reader.skipToEnd();
            while (goOn()) {
                readWindow(reader);
            }
        } catch (AdminException | KafkaException e) {
            LOG.warn("rejections cannot be shown", e);
            synchronized (this) {
                reading = false;
                listeners.forEach(listener -> {
                    listener.stream().offer(FAILED);
                    listener.stream().end();
                    ended(listener);
                });
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean goOn() {
        reading = !closed && !listeners.isEmpty();
        return reading;
    }

    /**
     * Reads and shows for a while. What is shown is paid for out of a budget that grows with time, and that many streams
     * can overdraw with a single record: then nothing is read until it is paid back, and what came meanwhile is skipped.
     */
    private void readWindow(TopicReader reader) throws InterruptedException {
        long end = System.nanoTime() + WINDOW.toNanos();
        budget = Math.min(budget + EVENTS_PER_WINDOW_MAX, EVENTS_PER_WINDOW_MAX);
        if (budget > 0) {
            if (behind) {
                reader.skipToEnd();
                listeners.forEach(listener -> listener.stream().offer(SKIPPED));
                budget -= listeners.size();
            }
            long spendable = Math.max(1, budget);
            Window window = new Window();
            reader.follow(() -> closed || window.isFull(spendable) || System.nanoTime() > end, record -> {
                if (!window.isFull(spendable)) {
                    window.records++;
                    window.events += show(record);
                }
            });
            budget -= window.events;
            behind = window.isFull(spendable);
        }
        long leftMs = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        if (behind && leftMs > 0) {
            Thread.sleep(leftMs);
        }
    }

    /** What was shown in it. */
    private static final class Window {
        private int records;
        private int events;

        boolean isFull(long spendable) {
            return records >= RECORDS_PER_WINDOW_MAX || events >= spendable;
        }
    }

    /** @return to how many streams it went */
    private int show(ConsumerRecord<byte[], byte[]> record) {
        boolean deadLetter = record.topic().equals(settings.topics().deadLetter());
        String tenant = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
        String reason = TidegateHeaders.text(record.headers(), TidegateHeaders.REASON);
        byte[] event = null;
        int shown = 0;
        for (Listener listener : listeners) {
            if (listener.filter().wants(deadLetter, tenant, reason)) {
                event = event == null
                        ? event("rejection", new String(Json.bytes(rejectionJson.of(record)), StandardCharsets.UTF_8))
                        : event;
                listener.stream().offer(event);
                shown++;
            }
        }
        return shown;
    }

    /** @param json on one line, as Jackson writes it: an event ends at an empty one */
    private static byte[] event(String name, String json) {
        return "event: %s%ndata: %s%n%n"
                .replace("%n", "\n")
                .formatted(name, json)
                .getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public synchronized void close() {
        closed = true;
        heart.shutdownNow();
        listeners.forEach(listener -> {
            listener.stream().end();
            ended(listener);
        });
    }
}
