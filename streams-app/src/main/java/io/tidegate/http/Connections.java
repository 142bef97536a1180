package io.tidegate.http;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.SelectableChannel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * The open connections of the server, bounded in number and in time.
 *
 * <p>A connection waits for a request or serves one. Waiting ends at a deadline that received bytes do not extend, so a client
 * that sends one byte at a time cannot keep a connection. When the limit is reached, a new connection does not wait. Instead,
 * another one is closed: the one that has waited longest, of the address with the most connections, but none of the most recent
 * ones. So health checks are always answered, and an address that opens many connections displaces its own.
 *
 * <p>Age is the order in which connections were accepted, on one thread. They are opened on several threads, in any order.
 *
 * <p>Thread-safe. Its lock is the only one that its callers hold, and is never held while a connection is closed.
 */
final class Connections implements Connection.Listener, SelectorManager.AcceptListener {
    /**
     * The bounds.
     *
     * @param max open connections
     * @param headerMs the time for a complete request header: from the opening of the connection, or from the first byte of a
     *     later request
     * @param idleMs the time for the next complete request
     * @param requestMs the time for the answer, except for live streams
     * @param bodyMs the time for a request's body
     * @param lingerMs the time for which the rest of a rejected body is discarded
     */
    record Limits(int max, long headerMs, long idleMs, long requestMs, long bodyMs, long lingerMs) {
        static final long HEADER_MS = 10_000;
        static final long IDLE_MS = 30_000;

        /** Longer than a body, long work and its answer take together. */
        static final long REQUEST_MS = 60_000;

        static final long BODY_MS = 10_000;
        static final long LINGER_MS = 2_000;

        static Limits of(int max) {
            return new Limits(max, HEADER_MS, IDLE_MS, REQUEST_MS, BODY_MS, LINGER_MS);
        }
    }

    private enum State {
        WAITING,
        SERVING,
        STREAMING
    }

    /**
     * The order of a connection, assigned when it is accepted.
     *
     * @param number counts accepted connections
     * @param turn its place among all waiting connections
     */
    private record Ticket(long number, long turn) {}

    private static final class Entry {
        private final Connection connection;
        private final long number;
        private final @Nullable InetAddress address;
        private State state = State.WAITING;
        private long sinceNanos;

        /** The order in which connections entered their states. Unlike times, it is unique. */
        private long turn;

        /** When the first byte of the next header was noticed; null = not yet. */
        private @Nullable Long headerSinceNanos;

        private long bytesBefore;

        private Entry(Connection connection, Ticket ticket, long nowNanos) {
            this.connection = connection;
            this.number = ticket.number();
            this.turn = ticket.turn();
            SocketAddress remote = connection.getEndPoint().getRemoteSocketAddress();
            this.address = remote instanceof InetSocketAddress internet ? internet.getAddress() : null;
            this.sinceNanos = nowNanos;
            // The first header's time starts here: a new connection has no reason to be silent.
            this.headerSinceNanos = nowNanos;
        }

        private void enter(State next, long nowNanos, long nextTurn) {
            state = next;
            turn = nextTurn;
            sinceNanos = nowNanos;
            headerSinceNanos = null;
            bytesBefore = connection.getBytesIn();
        }
    }

    private final Limits limits;
    private final LongSupplier nanoClock;
    private final IdentityHashMap<Connection, Entry> entries = new IdentityHashMap<>();
    private final Map<InetAddress, Integer> counts = new HashMap<>();

    /** Tickets of channels that are accepted and not open yet. */
    private final IdentityHashMap<Object, Ticket> tickets = new IdentityHashMap<>();

    private long accepted;
    private long turns;

    Connections(Limits limits, LongSupplier nanoClock) {
        this.limits = limits;
        this.nanoClock = nanoClock;
    }

    @Override
    public synchronized void onAccepting(SelectableChannel channel) {
        tickets.put(channel, newTicket());
    }

    @Override
    public synchronized void onAcceptFailed(SelectableChannel channel, Throwable cause) {
        tickets.remove(channel);
    }

    @Override
    public synchronized void onClosed(SelectableChannel channel) {
        tickets.remove(channel);
    }

    private Ticket newTicket() {
        return new Ticket(++accepted, ++turns);
    }

    /** Returns the socket below a connection and its TLS. */
    private static Object channel(Connection connection) {
        Object transport = connection.getEndPoint().getTransport();
        while (transport instanceof EndPoint below) {
            transport = below.getTransport();
        }
        return transport;
    }

    @Override
    public void onOpened(Connection connection) {
        if (!(connection instanceof ConnectionMetaData)) {
            return; // TLS below HTTP; only the connection above it counts
        }
        Entry displaced;
        synchronized (this) {
            Ticket ticket = tickets.remove(channel(connection));
            Entry entry = new Entry(connection, ticket == null ? newTicket() : ticket, nanoClock.getAsLong());
            entries.put(connection, entry);
            if (entry.address != null) {
                counts.merge(entry.address, 1, Integer::sum);
            }
            displaced = entries.size() > limits.max() ? displaceable(entry) : null;
            if (displaced != null) {
                remove(displaced.connection);
            }
        }
        if (displaced != null) {
            displaced.connection.getEndPoint().close();
        }
    }

    @Override
    public synchronized void onClosed(Connection connection) {
        remove(connection);
    }

    private void remove(Connection connection) {
        Entry entry = entries.remove(connection);
        if (entry != null && entry.address != null) {
            counts.computeIfPresent(entry.address, (address, count) -> count == 1 ? null : count - 1);
        }
    }

    /** Returns the connection to close; null if all others are live streams, which have their own bound. */
    private @Nullable Entry displaceable(Entry newest) {
        return entries.values().stream()
                .filter(entry -> entry != newest && entry.state != State.STREAMING)
                .min(Comparator.<Entry>comparingInt(entry -> -counts.getOrDefault(entry.address, 0))
                        .thenComparing(this::isRecent)
                        .thenComparing(entry -> entry.state)
                        .thenComparingLong(entry -> entry.turn))
                .orElse(null);
    }

    /**
     * Returns whether a connection is among the newest. If all others are being served, it would be the only one that waits;
     * its first request must be answered nevertheless.
     */
    private boolean isRecent(Entry entry) {
        return accepted - entry.number < limits.max() / 2;
    }

    /** Called when a request's header is complete. */
    void begins(Request request) {
        enter(request, State.SERVING);
        Request.addCompletionListener(request, failure -> enter(request, State.WAITING));
    }

    /** Called when a live stream answers a request. */
    void streams(Request request) {
        enter(request, State.STREAMING);
    }

    private synchronized void enter(Request request, State state) {
        Entry entry = entries.get(request.getConnectionMetaData().getConnection());
        if (entry != null) {
            entry.enter(state, nanoClock.getAsLong(), ++turns);
        }
    }

    /** Closes every connection that has reached a deadline. */
    void sweep() {
        List<Connection> late = new ArrayList<>();
        synchronized (this) {
            long now = nanoClock.getAsLong();
            for (Entry entry : entries.values()) {
                if (entry.state == State.WAITING
                        && entry.headerSinceNanos == null
                        && entry.connection.getBytesIn() > entry.bytesBefore) {
                    entry.headerSinceNanos = now;
                }
                if (isLate(entry, now)) {
                    late.add(entry.connection);
                }
            }
        }
        late.forEach(connection -> connection.getEndPoint().close());
    }

    private boolean isLate(Entry entry, long now) {
        return switch (entry.state) {
            case WAITING ->
                isOver(entry.sinceNanos, limits.idleMs(), now)
                        || (entry.headerSinceNanos != null && isOver(entry.headerSinceNanos, limits.headerMs(), now));
            case SERVING -> isOver(entry.sinceNanos, limits.requestMs(), now);
            case STREAMING -> false;
        };
    }

    private static boolean isOver(long sinceNanos, long withinMs, long now) {
        return now - sinceNanos > TimeUnit.MILLISECONDS.toNanos(withinMs);
    }

    synchronized int size() {
        return entries.size();
    }

    /** Returns the number of connections that are accepted and not open yet. */
    synchronized int accepting() {
        return tickets.size();
    }
}
