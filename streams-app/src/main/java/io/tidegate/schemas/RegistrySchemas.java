package io.tidegate.schemas;

import io.tidegate.config.SchemaRegistrySettings;
import io.tidegate.config.Settings;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.signal.WriterSchemas;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * The schemas of a registry, with a cache of the most recently used ones.
 *
 * <p>An id never changes its meaning, so a schema is cached as long as there is room. An unknown id is cached too, but looked
 * up again after {@link #UNUSABLE_NANOS}: the schema may have been registered in the meantime. Thread-safe.
 */
public final class RegistrySchemas implements WriterSchemas {
    /** The maximum number of cached ids without a schema. Producers can invent them, so they do not displace schemas. */
    private static final int UNUSABLE_MAX = 10_000;

    static final long UNUSABLE_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final RegistryClient client;
    private final LongSupplier nanos;
    private final LruMap<SchemaLookup.Usable> usable;
    private final LruMap<CachedFailure> unusable = new LruMap<>(UNUSABLE_MAX);
    private final LongAdder found = new LongAdder();
    private final LongAdder unknown = new LongAdder();
    private final LongAdder failed = new LongAdder();

    private record CachedFailure(SchemaLookup.Unusable found, long askedNanos) {}

    /** The most recently used entries. */
    private static final class LruMap<T> extends LinkedHashMap<Integer, T> {
        private static final float LOAD_FACTOR = 0.75f;

        private final int max;

        LruMap(int max) {
            super(16, LOAD_FACTOR, true);
            this.max = max;
        }

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, T> eldest) {
            return size() > max;
        }
    }

    RegistrySchemas(SchemaRegistrySettings settings, LongSupplier nanos) {
        client = new RegistryClient(settings);
        usable = new LruMap<>(settings.schemasMax());
        this.nanos = nanos;
    }

    /** Returns the schemas of the registry in the settings. */
    public static RegistrySchemas of(SchemaRegistrySettings settings) {
        return new RegistrySchemas(settings, System::nanoTime);
    }

    /** Returns the schemas for the signal format of a deployment: those of its schema registry, if it has one. */
    public static WriterSchemas in(Settings settings) {
        SchemaRegistrySettings registry = settings.schemaRegistry();
        return registry == null ? WriterSchemas.NONE : of(registry);
    }

    /** Queries the registry unless the schema is cached; ends within {@code schema.registry.timeout.ms}. */
    @Override
    public SchemaLookup of(int id) {
        synchronized (this) {
            SchemaLookup.Usable schema = usable.get(id);
            if (schema != null) {
                return schema;
            }
            CachedFailure none = unusable.get(id);
            if (none != null) {
                return none.found;
            }
        }
        try {
            return lookUp(id);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SchemaUnavailableException("looking up schema id %d was interrupted".formatted(id));
        }
    }

    /** Returns whether {@link #of} answers at once, and as the registry would now. */
    synchronized boolean isKnown(int id) {
        if (usable.get(id) != null) { // marks it as used
            return true;
        }
        CachedFailure none = unusable.get(id);
        return none != null && nanos.getAsLong() - none.askedNanos < UNUSABLE_NANOS;
    }

    /**
     * Queries the registry.
     *
     * @throws SchemaUnavailableException if it does not answer
     */
    SchemaLookup lookUp(int id) throws InterruptedException {
        SchemaLookup answer;
        try {
            answer = client.lookUp(id);
        } catch (SchemaUnavailableException e) {
            failed.increment();
            throw e;
        }
        synchronized (this) {
            if (answer instanceof SchemaLookup.Usable schema) {
                found.increment();
                usable.put(id, schema);
                unusable.remove(id);
            } else {
                unknown.increment();
                unusable.put(id, new CachedFailure((SchemaLookup.Unusable) answer, nanos.getAsLong()));
            }
        }
        return answer;
    }

    /**
     * Checks the registry with an id that no registry has assigned yet.
     *
     * @throws SchemaUnavailableException if the registry does not answer correctly
     */
    public void requireAnswer() {
        var unused = of(Integer.MAX_VALUE);
    }

    /** Returns the number of cached schemas. */
    public synchronized int size() {
        return usable.size();
    }

    /** Returns the lookups by outcome: {@code found}, {@code unknown}, {@code failed}. */
    public Map<String, LongSupplier> lookups() {
        return Map.of("found", found::sum, "unknown", unknown::sum, "failed", failed::sum);
    }
}
