package io.tidegate.schemas;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;

/** The body of one response, up to {@link #BYTES_MAX}: the responding server need not be the registry. */
final class LimitedBody implements BodySubscriber<byte[]> {
    static final int BYTES_MAX = 4 * 1024 * 1024;

    /** Thrown if an answer of the registry itself is too large. */
    static final class TooLargeException extends IOException {}

    private final boolean isOfRegistry;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
    private Flow.@Nullable Subscription subscription;

    /** @param isOfRegistry whether status and content type are those of a schema, so that no other server answered */
    LimitedBody(boolean isOfRegistry) {
        this.isOfRegistry = isOfRegistry;
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return whole;
    }

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
        this.subscription = subscription;
        subscription.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        for (ByteBuffer buffer : buffers) {
            byte[] some = new byte[buffer.remaining()];
            buffer.get(some);
            bytes.writeBytes(some);
        }
        if (bytes.size() > BYTES_MAX && !whole.isDone()) {
            whole.completeExceptionally(
                    isOfRegistry ? new TooLargeException() : new IOException("sent an answer that is too large"));
            if (subscription != null) {
                subscription.cancel();
            }
        }
    }

    @Override
    public void onError(Throwable failure) {
        whole.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
        whole.complete(bytes.toByteArray());
    }
}
