package io.tidegate.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class EmbeddedBrokerTest {
    @TempDir
    Path temp;

    /** Another program can take a port between its choice and its use. */
    @Test
    void startsOnOtherPortsIfOneIsTakenMeanwhile() throws Exception {
        try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int taken = other.getLocalPort();
            List<Integer> free = FreePorts.find(3);
            Iterator<List<Integer>> choices =
                    List.of(List.of(taken, free.get(0)), free.subList(1, 3)).iterator();

            try (EmbeddedBroker broker = EmbeddedBroker.start(temp, 0, Map.of(), count -> choices.next())) {
                assertThat(broker.bootstrapServers()).isEqualTo("127.0.0.1:" + free.get(1));
            }
            assertThat(choices).isExhausted();
            assertThatThrownBy(() -> EmbeddedBroker.start(temp, taken, Map.of()))
                    .isInstanceOf(BindException.class)
                    .hasMessageContaining("port %d of 127.0.0.1 is in use".formatted(taken));
        }
    }
}
