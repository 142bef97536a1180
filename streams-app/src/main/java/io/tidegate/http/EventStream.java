package io.tidegate.http;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.IteratingCallback;
import org.jspecify.annotations.Nullable;

/**
 * The stream of server-sent events to one client. Writes without holding a thread. Drops the oldest events that a client does
 * not read in time, and reports their number to the client. A client that reads nothing is disconnected by the connection's
 * idle timeout. Thread-safe.
 */
public final class EventStream extends IteratingCallback {
    static final String TYPE = "text/event-stream";
    private static final int BUFFER_BYTES_MAX = 256 * 1024;
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();

    private final Response response;
    private final Callback callback;
    private final Deque<byte[]> waiting = new ArrayDeque<>();
    private @Nullable Runnable ended;
    private int waitingBytes;
    private long dropped;
    private boolean begun;
    private boolean ending;
    private boolean lastWritten;

    public EventStream(Response response, Callback callback) {
        this.response = response;
        this.callback = callback;
    }

    /** Sends the headers, so that the client sees the stream at once. */
    public void begin() {
        response.setStatus(200);
        Front.addSecurity(response.getHeaders());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, TYPE);
        synchronized (this) {
            byte[] first = "retry: 3000\n\n".getBytes(StandardCharsets.US_ASCII);
            waiting.addFirst(first);
            waitingBytes += first.length;
            begun = true;
        }
        iterate();
    }

    /** @param action runs once, when nothing more can be sent */
    public synchronized void whenEnded(Runnable action) {
        ended = action;
    }

    public void offer(byte[] event) {
        synchronized (this) {
            if (ending) {
                return;
            }
            waiting.addLast(event);
            waitingBytes += event.length;
            while (waitingBytes > BUFFER_BYTES_MAX && waiting.size() > 1) {
                waitingBytes -= waiting.removeFirst().length;
                dropped++;
            }
        }
        iterate();
    }

    /** Ends the stream after the pending events. */
    public void end() {
        synchronized (this) {
            ending = true;
        }
        iterate();
    }

    @Override
    protected Action process() {
        ByteBuffer next;
        boolean last;
        synchronized (this) {
            if (!begun) {
                return Action.IDLE; // the first write would send the headers
            }
            if (lastWritten) {
                return Action.SUCCEEDED;
            }
            if (dropped > 0) {
                next = ByteBuffer.wrap("event: dropped\ndata: {\"events\":%d}\n\n"
                        .formatted(dropped)
                        .getBytes(StandardCharsets.US_ASCII));
                dropped = 0;
                last = false;
            } else if (!waiting.isEmpty()) {
                byte[] event = waiting.removeFirst();
                waitingBytes -= event.length;
                next = ByteBuffer.wrap(event);
                last = false;
            } else if (ending) {
                next = NOTHING.duplicate();
                last = true;
                lastWritten = true;
            } else {
                return Action.IDLE;
            }
        }
        response.write(last, next, this);
        return Action.SCHEDULED;
    }

    @Override
    protected void onCompleteSuccess() {
        runEnded();
        callback.succeeded();
    }

    @Override
    protected void onCompleteFailure(Throwable cause) {
        runEnded();
        callback.failed(cause);
    }

    private void runEnded() {
        Runnable action;
        synchronized (this) {
            ending = true;
            waiting.clear();
            action = ended;
            ended = null;
        }
        if (action != null) {
            action.run();
        }
    }
}
