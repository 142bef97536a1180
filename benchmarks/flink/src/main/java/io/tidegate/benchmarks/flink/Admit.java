package io.tidegate.benchmarks.flink;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;

/** The admission decision as a Flink job would make it, with a token bucket and a set of entities in keyed state. */
final class Admit extends KeyedProcessFunction<Long, Event, Event> {
    private static final long serialVersionUID = 1L;
    private static final long NANOS_PER_TOKEN = 1_000_000_000L;
    private static final long NANOS_PER_MS = 1_000_000L;

    static final OutputTag<Event> REJECTED = new OutputTag<>("rejected") {
        private static final long serialVersionUID = 1L;
    };

    /** The keyed state: the bucket's level in nano-tokens, the time of its last refill, and the number of entities. */
    public static final class Usage {
        public long levelNanos;
        public long refilledAtMs;
        public long entities;
        public long accepted;
    }

    private final long ratePerSec;
    private final long burst;
    private final long entitiesMax;
    private transient ValueState<Usage> usages;
    private transient MapState<String, Boolean> entities;

    @SuppressWarnings("NullAway.Init") // Flink calls open before anything else
    Admit(long ratePerSec, long entitiesMax) {
        this.ratePerSec = ratePerSec;
        this.burst = 2 * ratePerSec;
        this.entitiesMax = entitiesMax;
    }

    @Override
    public void open(OpenContext context) {
        usages = getRuntimeContext().getState(new ValueStateDescriptor<>("usage", Usage.class));
        entities = getRuntimeContext().getMapState(new MapStateDescriptor<>("entities", String.class, Boolean.class));
    }

    @Override
    public void processElement(Event event, Context context, Collector<Event> accepted) throws Exception {
        Usage usage = usages.value();
        if (usage == null) {
            usage = new Usage();
            usage.levelNanos = ratePerSec * NANOS_PER_TOKEN;
            usage.refilledAtMs = event.timestampMs;
        }
        refill(usage, event.timestampMs);
        if (usage.levelNanos < NANOS_PER_TOKEN) {
            event.reason = "rate_limited";
            event.retryAfterMs = (NANOS_PER_TOKEN - usage.levelNanos) / Math.max(1, ratePerSec * NANOS_PER_MS) + 1;
            context.output(REJECTED, event);
            return;
        }
        String item = newEntity("i", event.item);
        String user = newEntity("u", event.user);
        String creator = newEntity("c", event.creator);
        long added = (item == null ? 0L : 1L) + (user == null ? 0L : 1L) + (creator == null ? 0L : 1L);
        if (added > 0 && usage.entities + added > entitiesMax) {
            event.reason = "entity_limit";
            context.output(REJECTED, event);
            return;
        }
        add(item);
        add(user);
        add(creator);
        usage.entities += added;
        usage.levelNanos -= NANOS_PER_TOKEN;
        usage.accepted++;
        usages.update(usage);
        accepted.collect(event);
    }

    private void refill(Usage usage, long nowMs) {
        long elapsedMs = nowMs - usage.refilledAtMs;
        if (elapsedMs > 0) {
            long size = burst * NANOS_PER_TOKEN;
            long perMs = ratePerSec * NANOS_PER_MS;
            long missing = size - usage.levelNanos;
            usage.levelNanos =
                    perMs > 0 && elapsedMs >= missing / perMs + 1 ? size : usage.levelNanos + elapsedMs * perMs;
            usage.refilledAtMs = nowMs;
        }
    }

    private @Nullable String newEntity(String kind, @Nullable String id) throws Exception {
        if (id == null) {
            return null;
        }
        String entity = kind + id;
        return entities.contains(entity) ? null : entity;
    }

    private void add(@Nullable String entity) throws Exception {
        if (entity != null) {
            entities.put(entity, Boolean.TRUE);
        }
    }
}
