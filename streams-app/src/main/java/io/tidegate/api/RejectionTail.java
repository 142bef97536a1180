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
 * Live rejections for all streams of this instance: a single consumer of {@code quota-exceeded} and {@code signals-dead-letter}
 * serves all streams, and none runs without a stream.
 *
 * <p>Rate-limited, because a flood of rejections must not load the instance: it reads up to a number per second, which is lower
 * with many streams, and skips and reports the rest. Each record is serialized once, and only if a stream wants it.
 * Thread-safe.
 */
public final class RejectionTail implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RejectionTail.class);

    private static final int RECORDS_PER_WINDOW_MAX = 5_000;

    /** The limit over all streams; each event is a write to a connection. */
    private static final int EVENTS_PER_WINDOW_MAX = 2_000;

    private static final Duration WINDOW = Duration.ofSeconds(1);
    private static final Duration HEARTBEAT_EVERY = Duration.ofSeconds(10);
    private static final byte[] HEARTBEAT = ": still here\n\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] SKIPPED = event("skipped", "{}");
    private static final byte[] FAILED = event("failed", "{}");

    /**
     * The rejections that a stream wants.
     *
     * @param tenant null = all
     * @param reasons empty = all
     * @param deadLetters whether to include dead letters
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

    /**
     * Events that may be sent now. Used only by the reader, as is the flag whether it has skipped records since the last event.
     */
    private long budget;

    private boolean behind;
    private volatile boolean closed;

    public RejectionTail(Settings settings, RejectionJson rejectionJson) {
        this.settings = settings;
        this.rejectionJson = rejectionJson;
        // Streams alone must not exhaust the server: half of the connections are reserved for requests.
        places = new Shares(
                Math.min(settings.http().streamsMax(), settings.http().connectionsMax() / 2));
        var unused = heart.scheduleAtFixedRate(
                this::sendHeartbeats, HEARTBEAT_EVERY.toMillis(), HEARTBEAT_EVERY.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void sendHeartbeats() {
        listeners.forEach(listener -> listener.stream().offer(HEARTBEAT));
    }

    /**
     * Sends rejections to a stream from now on.
     *
     * @throws Problem if the maximum number of streams is open
     */
    public synchronized void add(Principal principal, Filter filter, EventStream stream) {
        if (closed || !places.take(principal)) {
            throw Problem.retryLater(
                    Problem.Kind.TOO_MANY_STREAMS,
                    "%d streams are already open; one token may have %d"
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
            while (shouldContinue()) {
                readWindow(reader);
            }
        } catch (AdminException | KafkaException e) {
            LOG.warn("live rejections cannot be read", e);
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

    private synchronized boolean shouldContinue() {
        reading = !closed && !listeners.isEmpty();
        return reading;
    }

    /**
     * Reads and sends for a while. Events use up a budget that grows with time. Many streams can overdraw it with a single
     * record: then nothing is read until the budget is positive again, and the records in between are skipped.
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

    /** The events sent in one window. */
    private static final class Window {
        private int records;
        private int events;

        boolean isFull(long spendable) {
            return records >= RECORDS_PER_WINDOW_MAX || events >= spendable;
        }
    }

    /** @return the number of streams that received it */
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

    /** @param json on one line, as Jackson writes it: an empty line would end the event */
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
