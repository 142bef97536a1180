package io.tidegate.streams;

import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.ProcessorNode;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;
import org.jspecify.annotations.Nullable;

/**
 * A state store without content, which Kafka Streams calls before each commit of its task, while writes to other stores
 * still belong to the transaction.
 *
 * <p>Implements an internal interface, because processors and ordinary stores get no such call: Kafka Streams 4.3.1
 * flushes its own write-back caches in {@code StreamTask.prepareCommit}, before the producer is flushed and offsets are
 * sent, and recognizes them by this interface. Changes gathered in memory until then are such a cache. The processor of
 * a closed task removes its action, so a task that is revived, recycled or handed over starts without one. Owned by the
 * task's thread.
 */
public final class BeforeCommit implements StateStore, CachedStateStore<byte[], byte[]> {
    /** The store of the first stage. */
    public static final String ROUTE = "before-commit-of-route";

    /** The store of the second stage. */
    public static final String ADMIT = "before-commit";

    private final String name;
    private @Nullable Runnable action;
    private boolean open;

    public BeforeCommit(String name) {
        this.name = name;
    }

    /** Sets the action before each commit. */
    public void run(Runnable write) {
        action = write;
    }

    /**
     * Sets the action before each commit; it may forward. Must be called by {@code init} of the processor that
     * forwards.
     */
    public void runForwarding(ProcessorContext<?, ?> context, Runnable write) {
        InternalProcessorContext<?, ?> internal = (InternalProcessorContext<?, ?>) context;
        ProcessorNode<?, ?, ?, ?> node = internal.currentNode();
        action = () -> {
            ProcessorNode<?, ?, ?, ?> before = internal.currentNode();
            internal.setCurrentNode(node);
            try {
                write.run();
            } finally {
                internal.setCurrentNode(before);
            }
        };
    }

    /** Removes the action. */
    public void forget() {
        action = null;
    }

    @Override
    public void flushCache() {
        if (action != null) {
            action.run();
        }
    }

    /** Removes the action: the task is about to become a standby or to cease being one, and has no processor now. */
    @Override
    public void clearCache() {
        forget();
    }

    @Override
    public boolean setFlushListener(CacheFlushListener<byte[], byte[]> listener, boolean sendOldValues) {
        return false;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void init(StateStoreContext context, StateStore root) {
        open = true;
        context.register(root, (key, value) -> {});
    }

    @Override
    public void close() {
        open = false;
        forget();
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return open;
    }
}
