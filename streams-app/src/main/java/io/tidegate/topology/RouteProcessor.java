package io.tidegate.topology;

import io.tidegate.signal.Defect;
import io.tidegate.topology.Router.Route;
import io.tidegate.topology.Router.Route.ToDeadLetter;
import io.tidegate.topology.Router.Route.ToTenant;
import io.tidegate.topology.TopologyListener.Stage;
import java.util.function.LongConsumer;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/**
 * Stage 1: keys a signal by its tenant, and sends what has no usable tenant or value to the dead-letter topic.
 *
 * <p>Stateless. What can be wrong with a record is found here, before it is forwarded, so that nothing behind can fail on
 * a record's content.
 */
final class RouteProcessor extends ContextualProcessor<byte[], byte[], TenantKey, byte[]> {
    private final Router router;
    private final RecordSizes sizes;
    private final TopologyListener listener;
    private LongConsumer progress;

    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    RouteProcessor(Router router, RecordSizes sizes, TopologyListener listener) {
        this.router = router;
        this.sizes = sizes;
        this.listener = listener;
    }

    @Override
    public void init(ProcessorContext<TenantKey, byte[]> context) {
        super.init(context);
        progress = listener.opened(Stage.ROUTE, context.taskId().partition());
    }

    @Override
    public void close() {
        listener.closed(Stage.ROUTE, context().taskId().partition());
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        progress.accept(record.timestamp());
        RecordMetadata metadata = context().recordMetadata().orElseThrow();
        Headers headers = record.headers();
        Route route = RecordSizes.of(record.key(), record.value(), headers) > sizes.recordBytesMax()
                ? new ToDeadLetter(
                        null,
                        Defect.TOO_LARGE,
                        "the record is larger than the %d bytes that Tidegate's topics take"
                                .formatted(sizes.recordBytesMax()))
                : router.route(metadata.topic(), record.key(), record.value(), headers);
        SourcePosition source = new SourcePosition(metadata.topic(), metadata.partition(), metadata.offset());
        if (route instanceof ToTenant to) {
            TidegateHeaders.set(headers, TidegateHeaders.SOURCE, source.toString());
            headers.remove(TidegateHeaders.KEY);
            if (record.key() != null) {
                headers.add(TidegateHeaders.KEY, record.key());
            }
            TenantKey key = new TenantKey(to.tenant(), to.tenant().key());
            context().forward(record.withKey(key), TidegateTopology.BY_TENANT_SINK);
        } else if (route instanceof ToDeadLetter to) {
            listener.deadLettered(to.defect());
            context().forward(Refusals.deadLetter(record, to, source, sizes), TidegateTopology.DEAD_LETTER_SINK);
        }
    }
}
