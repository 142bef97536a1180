package io.tidegate.topology;

import java.util.Set;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Runs both stages in one task, for ingress topics that producers key by tenant. A signal in its tenant's partition is
 * decided as soon as it is routed; a signal in any other partition goes through {@code signals-by-tenant} to the task
 * of its tenant. So a tenant's state has one owner, whatever key producers use. Owned by the task's thread.
 */
final class KeyedProcessor implements Processor<byte[], byte[], TenantKey, byte[]> {
    private final Set<String> ingress;
    private final RouteProcessor route;
    private final AdmitProcessor admit;
    private ProcessorContext<TenantKey, byte[]> context;

    /**
     * Joins the stages.
     *
     * @param ingress the topics of stage 1; records of all other topics are for stage 2
     * @param route stage 1, which passes the signals of its own shard to {@link AdmitProcessor#decide}
     * @param admit stage 2
     */
    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    KeyedProcessor(Set<String> ingress, RouteProcessor route, AdmitProcessor admit) {
        this.ingress = ingress;
        this.route = route;
        this.admit = admit;
    }

    @Override
    public void init(ProcessorContext<TenantKey, byte[]> context) {
        this.context = context;
        admit.init(context);
        route.init(context);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (ingress.contains(context.recordMetadata().orElseThrow().topic())) {
            route.process(record);
        } else {
            admit.process(record);
        }
    }

    @Override
    public void close() {
        try {
            route.close();
        } finally {
            admit.close();
        }
    }
}
