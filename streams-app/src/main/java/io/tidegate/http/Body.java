package io.tidegate.http;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.io.Content;

/**
 * Reads a request's body as it arrives, without holding a thread, up to a maximum length. Unlike Jetty's own methods, it leaves
 * the rest of a longer body readable, so that the client can be answered while it is still sending.
 */
final class Body implements Runnable {
    private final Content.Source source;
    private final int bytesMax;
    private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    private final CompletableFuture<byte[]> whole = new CompletableFuture<>();

    private Body(Content.Source source, int bytesMax) {
        this.source = source;
        this.bytesMax = bytesMax;
    }

    /** Returns a future of the body; it fails with {@link TooLong}, or with the read error. */
    static CompletableFuture<byte[]> read(Content.Source source, int bytesMax) {
        Body body = new Body(source, bytesMax);
        body.run();
        return body.whole;
    }

    /** The body exceeds its maximum length. */
    static final class TooLong extends Exception {
        private static final long serialVersionUID = 1;
    }

    /** Called when more content may be available. */
    @Override
    public void run() {
        while (!whole.isDone()) {
            Content.Chunk chunk = source.read();
            if (chunk == null) {
                source.demand(this);
                return;
            }
            if (Content.Chunk.isFailure(chunk)) {
                whole.completeExceptionally(chunk.getFailure());
                return;
            }
            take(chunk.getByteBuffer());
            boolean last = chunk.isLast();
            chunk.release();
            if (taken.size() > bytesMax) {
                whole.completeExceptionally(new TooLong());
            } else if (last) {
                whole.complete(taken.toByteArray());
            }
        }
    }

    private void take(ByteBuffer bytes) {
        byte[] some = new byte[Math.min(bytes.remaining(), bytesMax + 1 - taken.size())];
        bytes.get(some);
        taken.writeBytes(some);
    }
}
