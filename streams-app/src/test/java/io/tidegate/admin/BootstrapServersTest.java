package io.tidegate.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.fixtures.Listener;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 5, unit = TimeUnit.MINUTES)
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

    private static Settings settings(String protocol, String... servers) {
        return SettingsLoader.load(
                null,
                Map.of(),
                Map.of("bootstrap.servers", String.join(",", servers), "kafka.security.protocol", protocol));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PLAINTEXT", "SSL"})
    void aListenerThatNeverAnswersIsReported(String protocol) throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            String server = "127.0.0.1:" + silent.getLocalPort();

            assertThatThrownBy(() -> BootstrapServers.requireOne(settings(protocol, server), 200))
                    .isInstanceOf(AdminException.class)
                    .hasMessageStartingWith("no broker can be reached: %s: no answer within 0.2 s".formatted(server));
        }
    }

    /** Its answer would come after ten minutes at the earliest. */
    @Test
    void aSilentServerHoldsNothingUpWhereAnotherAnswers() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                ServerSocket broker = Listener.answering(Listener::broker)) {
            BootstrapServers.requireOne(
                    settings("PLAINTEXT", "127.0.0.1:" + silent.getLocalPort(), "127.0.0.1:" + broker.getLocalPort()),
                    600_000);
        }
    }
}
