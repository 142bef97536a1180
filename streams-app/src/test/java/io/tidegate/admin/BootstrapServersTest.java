package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 20, unit = TimeUnit.SECONDS)
class BootstrapServersTest {
    private static InetAddress address(int last) throws IOException {
        return InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) last});
    }

    /** A name can stand for all brokers, one of which may be down. */
    @Test
    void theFirstAddressOfAHostThatAcceptsIsUsed() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, address(1))) {
            InetAddress[] addresses = {address(2), address(1)};
            try (Socket socket = BootstrapServers.connected(addresses, server.getLocalPort())) {
                assertThat(socket.getInetAddress()).isEqualTo(address(1));
            }
            InetAddress[] closed = {address(2), address(3)};
            assertThatThrownBy(() -> BootstrapServers.connected(closed, server.getLocalPort()))
                    .isInstanceOf(ConnectException.class);
        }
    }
}
