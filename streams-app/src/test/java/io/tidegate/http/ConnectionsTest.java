package io.tidegate.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The choice of the connection to displace, for each order in which threads may open connections accepted by one thread. */
final class ConnectionsTest {
    private static final int MAX = 8;

    private final Connections connections = new Connections(Connections.Limits.of(MAX), () -> 0);
    private final List<SocketChannel> channels = new ArrayList<>();
    private final List<SocketChannel> displaced = new ArrayList<>();

    @AfterEach
    void close() throws IOException {
        for (SocketChannel channel : channels) {
            channel.close();
        }
    }

    private SocketChannel accept() throws IOException {
        SocketChannel channel = SocketChannel.open();
        channels.add(channel);
        connections.onAccepting(channel);
        return channel;
    }

    private void open(SocketChannel channel, boolean tls) {
        EndPoint socket = endPoint(channel, channel);
        EndPoint used = tls ? endPoint(socket, channel) : socket;
        connections.onOpened((Connection) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Connection.class, ConnectionMetaData.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "getEndPoint" -> used;
                    case "getBytesIn" -> 0L;
                    case "hashCode" -> System.identityHashCode(proxy);
                    default -> throw new UnsupportedOperationException(method.toString());
                }));
    }

    private EndPoint endPoint(Object transport, SocketChannel channel) {
        return (EndPoint) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {EndPoint.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "getTransport" -> transport;
                    case "getRemoteSocketAddress" -> new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
                    case "close" -> {
                        displaced.add(channel);
                        yield null;
                    }
                    default -> throw new UnsupportedOperationException(method.toString());
                });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theNewestIsKeptAlthoughAllOthersAreOpenedAfterIt(boolean tls) throws IOException {
        List<SocketChannel> older = new ArrayList<>();
        for (int i = 0; i < 5 * MAX; i++) {
            older.add(accept());
        }
        SocketChannel newest = accept();

        open(newest, tls);
        older.forEach(channel -> open(channel, tls));

        assertThat(displaced).hasSize(5 * MAX + 1 - MAX).doesNotContain(newest);
        assertThat(connections.size()).isEqualTo(MAX);
    }

    @Test
    void theOneThatWasAcceptedFirstIsDisplacedFirst() throws IOException {
        for (int i = 0; i < MAX + 2; i++) {
            accept();
        }

        for (int i = MAX + 1; i >= 0; i--) {
            open(channels.get(i), false);
        }

        // Each opens after all newer ones, and does not displace itself.
        assertThat(displaced).containsExactly(channels.get(2), channels.get(1));
    }

    @Test
    void aChannelThatNeverOpensLeavesNothing() throws IOException {
        connections.onAcceptFailed(accept(), new IOException("reset"));
        connections.onClosed(accept());

        assertThat(connections.size()).isZero();
        assertThat(connections.accepting()).isZero();
    }
}
