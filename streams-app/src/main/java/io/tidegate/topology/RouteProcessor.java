package io.tidegate.topology;

import io.tidegate.contract.Envelope;
import io.tidegate.contract.RecordSizes;
import io.tidegate.contract.Residency;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.Router;
import io.tidegate.contract.Router.Route;
import io.tidegate.contract.Router.Route.ToDeadLetter;
import io.tidegate.contract.Router.Route.ToTenant;
import io.tidegate.contract.Router.Route.ToUnknown;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.signal.SignalFormat;
import io.tidegate.streams.Alignment;
import io.tidegate.streams.BeforeCommit;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TopologyListener.Stage;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Stage 1: puts each signal into the envelope of its tenant's shard. Sends a record without a usable tenant or value to
 * the dead-letter topic, a signal with an unknown tenant name to quota-exceeded, and a signal that must not be written
 * in this region to another one.
 *
 * <p>A name is resolved once, here, by the current configs, and the envelope has the id: admit decides the same however
 * often it reads the envelope.
 *
 * <p>Keeps no state beyond a transaction. Finds all defects of a record before forwarding it, so that later stages
 * cannot fail on a record's content.
 *
 * <p>If admit runs in the same task, a signal that is already in its tenant's partition goes to admit directly.
 */
final class RouteProcessor extends ContextualProcessor<byte[], byte[], TenantKey, byte[]> {
    private final Router router;
    private final RecordSizes sizes;
    private final SignalFormat format;
    private final Residency residency;
    private final TenantConfigs configs;
    private final TopologyListener listener;
    private LongConsumer progress;
    private Runnable requestCommit;
    private @Nullable Alignment alignment;
    private final int shards;
    private Envelopes envelopes;
    private BeforeCommit beforeCommit;
    private final @Nullable Consumer<RoutedSignal> admit;

    /** @param admit takes the signals of its own shard in the same task; null if all signals go into envelopes */
    @SuppressWarnings("NullAway.Init") // Kafka Streams calls init before anything else
    RouteProcessor(
            Router router,
            TopologySettings settings,
            TenantConfigs configs,
            TopologyListener listener,
            @Nullable Consumer<RoutedSignal> admit) {
        this.admit = admit;
        this.router = router;
        this.sizes = settings.sizes();
        this.format = settings.mapping().format();
        this.residency = settings.residency();
        this.configs = configs;
        this.listener = listener;
        this.shards = settings.shards();
    }

    @Override
    public void init(ProcessorContext<TenantKey, byte[]> context) {
        super.init(context);
        envelopes = new Envelopes(
                shards,
                sizes.recordBytesMax(),
                Envelope.foundBytesMax(format),
                envelope -> context.forward(envelope, TidegateTopology.BY_TENANT_SINK));
        beforeCommit = context.getStateStore(BeforeCommit.ROUTE);
        beforeCommit.runForwarding(context, envelopes::sendAll);
        progress = listener.opened(Stage.ROUTE, context.taskId().partition());
        alignment = Alignment.of(context.appConfigs());
        requestCommit = context::commit;
        if (alignment != null) {
            alignment.opened(context.taskId().partition(), requestCommit);
        }
    }

    /** Drops the contents of the envelopes, which belong to a transaction that will not be committed. */
    @Override
    public void close() {
        beforeCommit.forget();
        listener.closed(Stage.ROUTE, context().taskId().partition(), progress);
        if (alignment != null) {
            alignment.closed(context().taskId().partition(), requestCommit);
        }
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        progress.accept(record.timestamp());
        RecordMetadata metadata = context().recordMetadata().orElseThrow();
        Headers headers = record.headers();
        long bytes = RecordSizes.of(record.key(), record.value(), headers);
        Route route = sizes.tooLarge(bytes);
        if (route == null) {
            route = sizes.withFound(
                    router.route(metadata.topic(), record.key(), record.value(), headers, configs.missingIsDefault()),
                    bytes,
                    format);
        }
        SourcePosition source = new SourcePosition(metadata.topic(), metadata.partition(), metadata.offset());
        if (route instanceof ToTenant to) {
            if (forwarded(record, to.tenant(), source)) {
                return;
            }
            RoutedSignal signal = new RoutedSignal(
                    to.tenant(),
                    record.timestamp(),
                    source,
                    record.key(),
                    headers.toArray(),
                    record.value(),
                    to.signal());
            int shard = TenantPartitions.of(to.tenant(), shards);
            if (admit != null && shard == metadata.partition()) {
                admit.accept(signal);
            } else {
                envelopes.add(shard, signal, bytes);
            }
        } else if (route instanceof ToUnknown to) {
            listener.rejectedUnknownName();
            context().forward(UnknownNames.rejected(record, to.name(), source), TidegateTopology.UNKNOWN_NAME_SINK);
        } else if (route instanceof ToDeadLetter to) {
            listener.deadLettered(to.defect());
            context().forward(DeadLetters.of(record, to, source, sizes), TidegateTopology.DEAD_LETTER_SINK);
        }
    }

    /**
     * Forwards a signal, unchanged except for its marker headers, if its tenant must reside in another region. If no
     * such region has a topic, the signal stays and admit rejects it.
     */
    private boolean forwarded(Record<byte[], byte[]> record, TenantId tenant, SourcePosition source) {
        if (residency.topics().isEmpty()) {
            return false;
        }
        TenantConfigs.InForce inForce = configs.inForce(tenant);
        String region = inForce == null ? null : residency.target(inForce.config(), record.headers());
        if (region == null) {
            return false;
        }
        residency.mark(record.headers(), source);
        listener.forwarded();
        context().forward(record.withKey(new TenantKey(tenant, record.key())), TidegateTopology.FORWARD_SINK + region);
        return true;
    }
}
