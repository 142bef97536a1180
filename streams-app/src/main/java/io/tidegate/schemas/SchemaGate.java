package io.tidegate.schemas;

import io.tidegate.signal.AvroReader;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.signal.WriterSchemas.SchemaLookup;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks schemas up before the signals that need them are processed.
 *
 * <p>Consumers check whether a value {@linkplain #isReady can be read}, and withhold its record and the later ones of the
 * partition until it can. Lookups run on separate threads. So no stream thread waits for a registry: it keeps polling and
 * committing and reads the other partitions, and no transaction stays open. While the registry does not answer, each lookup is
 * repeated after a pause that grows to {@link #PAUSE_MAX_NANOS}. Lookups that do not end for {@link #LONG_NANOS}, because
 * producers name ever more ids or the registry is slow, are reported as well. Thread-safe.
 */
public final class SchemaGate implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaGate.class);

    /** Concurrent lookups: producers can invent ids, and each partition waits for the lookup of each of them. */
    private static final int THREADS = 32;

    /** Ids that are being looked up, or whose lookup failed; further ones wait until there is room. */
    private static final int IDS_MAX = 256;

    private static final long PAUSE_MIN_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    static final long PAUSE_MAX_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long LOG_EVERY_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** An id that was not requested for this long is abandoned: another instance reads its partition. */
    private static final long ABANDONED_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** Lookups for this long without a break are reported. */
    static final long LONG_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** A break in which no lookup was needed. */
    static final long BREAK_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final RegistrySchemas schemas;
    private final LongSupplier nanos;
    private final ThreadPoolExecutor executor;
    private final Set<Integer> pending = new HashSet<>();
    private final Map<Integer, Failure> failures = new HashMap<>();
    private long loggedNanos;
    private boolean isLogged;

    // The lookups since the last break.
    private long busySinceNanos;
    private long lastNanos;
    private long lookups;
    private long unknown;
    private boolean isSlowLogged;

    /** A failed lookup. */
    private static final class Failure {
        private String why = "";
        private long pauseNanos = PAUSE_MIN_NANOS;
        private long failedNanos;
        private long wantedNanos;
    }

    /** Creates a gate that looks up in {@code schemas}. */
    public SchemaGate(RegistrySchemas schemas) {
        this(schemas, System::nanoTime);
    }

    SchemaGate(RegistrySchemas schemas, LongSupplier nanos) {
        this.schemas = schemas;
        this.nanos = nanos;
        executor = new ThreadPoolExecutor(
                THREADS, THREADS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(IDS_MAX), task -> {
                    Thread thread = new Thread(task, "tidegate-schemas");
                    thread.setDaemon(true);
                    return thread;
                });
        executor.allowCoreThreadTimeOut(true);
    }

    /**
     * Returns whether a value can be read now, or needs no schema to be judged. If not, its schema is looked up, now or at a
     * later call. Returns at once.
     */
    public boolean isReady(byte @Nullable [] value) {
        long id = AvroReader.schemaId(value);
        if (id == AvroReader.NO_SCHEMA || schemas.isKnown((int) id)) {
            return true;
        }
        request((int) id);
        return false;
    }

    private synchronized void request(int id) {
        long nowNanos = nanos.getAsLong();
        Failure failure = failures.get(id);
        if (failure != null) {
            failure.wantedNanos = nowNanos;
            if (nowNanos - failure.failedNanos < failure.pauseNanos) {
                return;
            }
        } else if (pending.size() + failures.size() >= IDS_MAX) {
            forgetAbandoned(nowNanos);
            return;
        }
        if (pending.add(id)) {
            noteBusy(nowNanos);
            executor.execute(() -> lookUp(id));
        }
    }

    private void noteBusy(long nowNanos) {
        if (lookups == 0 || (pending.size() == 1 && nowNanos - lastNanos >= BREAK_NANOS)) {
            busySinceNanos = nowNanos;
            lookups = 0;
            unknown = 0;
            isSlowLogged = false;
        }
        lookups++;
        lastNanos = nowNanos;
    }

    private void lookUp(int id) {
        String why = "schema id %d cannot be looked up: see the log".formatted(id);
        boolean isUnknown = false;
        try {
            isUnknown = schemas.lookUp(id) instanceof SchemaLookup.Unusable;
            why = null;
        } catch (SchemaUnavailableException e) {
            why = e.getMessage();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closing
        } catch (RuntimeException | StackOverflowError e) {
            LOG.error("looking up a schema failed schema_id={}", id, e);
        } finally {
            ended(id, why, isUnknown); // in any case, the lookup is repeated
        }
    }

    private synchronized void ended(int id, @Nullable String why, boolean isUnknown) {
        long nowNanos = nanos.getAsLong();
        pending.remove(id);
        lastNanos = nowNanos;
        unknown += isUnknown ? 1 : 0;
        String slow = busy(nowNanos);
        if (slow != null && !isSlowLogged) {
            isSlowLogged = true;
            LOG.warn("partitions wait for their schemas: {}", slow);
        }
        if (why == null) {
            failures.remove(id);
            forgetAbandoned(nowNanos);
            if (isLogged && failures.isEmpty()) {
                isLogged = false;
                LOG.info("the schema registry answers again; the signals that waited are read");
            }
        } else {
            Failure failure = failures.get(id);
            if (failure == null) {
                failure = new Failure();
                failure.wantedNanos = nowNanos;
                failures.put(id, failure);
            } else {
                failure.pauseNanos = Math.min(2 * failure.pauseNanos, PAUSE_MAX_NANOS);
            }
            failure.failedNanos = nowNanos;
            failure.why = why;
            if (!isLogged || nowNanos - loggedNanos >= LOG_EVERY_NANOS) {
                isLogged = true;
                loggedNanos = nowNanos;
                LOG.error(
                        "partitions wait, their signals stay in Kafka until their schemas can be looked up: {} schema_id={}"
                                + " schemas_waited_for={}",
                        why,
                        id,
                        failures.size());
            }
        }
    }

    private void forgetAbandoned(long nowNanos) {
        failures.values().removeIf(failure -> nowNanos - failure.wantedNanos >= ABANDONED_NANOS);
    }

    /** Returns why partitions wait; null if none does. */
    public synchronized @Nullable String waitsFor() {
        forgetAbandoned(nanos.getAsLong());
        return failures.values().stream()
                .findFirst()
                .map(failure -> failure.why)
                .orElseGet(() -> busy(nanos.getAsLong()));
    }

    /** Returns the lookups since the last break if they are long; null otherwise. */
    private @Nullable String busy(long nowNanos) {
        boolean isBusy = !pending.isEmpty() || nowNanos - lastNanos < BREAK_NANOS;
        return lookups == 0 || !isBusy || nowNanos - busySinceNanos < LONG_NANOS
                ? null
                : "%d schema ids looked up in %d s, of which the registry cannot give %d a schema"
                        .formatted(lookups, TimeUnit.NANOSECONDS.toSeconds(nowNanos - busySinceNanos), unknown);
    }

    /** Returns the number of ids that are being looked up. */
    synchronized int pending() {
        return pending.size();
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
