package io.tidegate.topologytests.faults;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.kafka.common.protocol.ApiKeys;

/**
 * A TCP proxy from Kafka clients to one port. While it is cut, connections stay open and no bytes pass, as in a network that
 * drops packets. It can also run an action at a certain request. Works without privileges.
 */
public final class TcpProxy implements Closeable {
    private static final int BUFFER_BYTES = 64 * 1024;

    private final ServerSocket server;
    private final int target;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final AtomicReference<Interception> interception = new AtomicReference<>();
    private boolean cut;
    private boolean closed;

    private TcpProxy(ServerSocket server, int target) {
        this.server = server;
        this.target = target;
    }

    /** Listens on one loopback port and connects to another. */
    public static TcpProxy start(int port, int target) throws IOException {
        ServerSocket server = new ServerSocket();
        server.setReuseAddress(true);
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        TcpProxy proxy = new TcpProxy(server, target);
        proxy.run("accept", proxy::accept);
        return proxy;
    }

    void cut() {
        set(true);
    }

    void heal() {
        set(false);
    }

    /** Runs an action once, when the next request of a kind has arrived and before it is sent to the broker. */
    void beforeNext(ApiKeys request, Runnable action) {
        interception.set(new Interception(request, action));
    }

    private record Interception(ApiKeys request, Runnable action) {}

    private void set(boolean cutNow) {
        lock.lock();
        try {
            cut = cutNow;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = server.accept();
            sockets.add(client);
            run("connect", () -> connect(client));
        }
    }

    private void connect(Socket client) throws IOException {
        awaitWhole();
        Socket broker = new Socket();
        sockets.add(broker);
        try {
            broker.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), target));
        } catch (IOException e) {
            drop(client);
            drop(broker);
            return;
        }
        run("out", () -> pumpRequests(client, broker));
        run("in", () -> pump(broker, client));
    }

    private void pump(Socket from, Socket to) {
        byte[] buffer = new byte[BUFFER_BYTES];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                awaitWhole();
                out.write(buffer, 0, n);
            }
        } catch (IOException e) {
            // one side is closed, so close the other one
        }
        drop(from);
        drop(to);
    }

    /** Forwards Kafka's requests: their length, the id of their kind, and the rest. */
    private void pumpRequests(Socket client, Socket broker) {
        try {
            var in = new DataInputStream(new BufferedInputStream(client.getInputStream(), BUFFER_BYTES));
            var out = new DataOutputStream(new BufferedOutputStream(broker.getOutputStream(), BUFFER_BYTES));
            while (true) {
                int length = in.readInt();
                byte[] request = new byte[length];
                in.readFully(request);
                awaitWhole();
                Interception waiting = interception.get();
                if (waiting != null
                        && waiting.request().id == ByteBuffer.wrap(request).getShort()
                        && interception.compareAndSet(waiting, null)) {
                    waiting.action().run();
                }
                out.writeInt(length);
                out.write(request);
                out.flush();
            }
        } catch (IOException e) {
            // one side is closed, so close the other one
        }
        drop(client);
        drop(broker);
    }

    private void awaitWhole() {
        lock.lock();
        try {
            while (cut && !closed) {
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    private void drop(Socket socket) {
        sockets.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // nothing else to release
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private void run(String what, Work work) {
        Thread thread = new Thread(
                () -> {
                    try {
                        work.run();
                    } catch (IOException e) {
                        // the socket was closed
                    }
                },
                "proxy-" + target + "-" + what);
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        server.close();
        sockets.forEach(this::drop);
    }
}
