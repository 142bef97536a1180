package io.tidegate.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class EmbeddedBrokerTest {
    @TempDir
    Path temp;

    /** Another program can take a port between its choice and its use. */
    @Test
    void startsOnOtherPortsIfOneIsTakenMeanwhile() throws Exception {
        try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int taken = other.getLocalPort();
            AtomicInteger choices = new AtomicInteger();

            try (EmbeddedBroker broker = EmbeddedBroker.start(
                    temp,
                    0,
                    Map.of(),
                    count -> choices.getAndIncrement() > 0
                            ? FreePorts.find(count)
                            : List.of(taken, FreePorts.find(1).get(0)))) {
                assertThat(broker.bootstrapServers()).isNotEqualTo("127.0.0.1:" + taken);
            }
            assertThat(choices).hasValueGreaterThanOrEqualTo(2);
            assertThatThrownBy(() -> EmbeddedBroker.start(temp, taken, Map.of()))
                    .isInstanceOf(BindException.class)
                    .hasMessageContaining("port %d of 127.0.0.1 is in use".formatted(taken));
        }
    }
}
