package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Without a broker, a command says so at once; Kafka's clients would retry for half a minute. */
@Timeout(value = 25, unit = TimeUnit.SECONDS)
class UnreachableBrokerTest {
    private static int closedPort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "init",
                "load",
                "plans history pro",
                "plans ls",
                "plans undo pro",
                "rejections tail",
                "rejections replay",
                "signals cat",
                "signals explain",
                "tenants export",
                "tenants forget 1 --item x",
                "tenants get acme",
                "tenants ls",
                "tenants set 1 --rate 5/s",
                "usage export --month 2026-11",
                "wal prune 1 --below 5"
            })
    void everyCommandThatNeedsABrokerNamesItAndTheRemedy(String command) throws IOException {
        String server = "127.0.0.1:" + closedPort();

        Cli run = Cli.run((command + " --bootstrap-server " + server).split(" ", -1));

        assertThat(run.err())
                .startsWith("tidegate: no broker can be reached: %s: ".formatted(server))
                .contains("--bootstrap-server")
                .hasLineCount(1);
        assertThat(run.exitCode()).isEqualTo(ExitCodes.FAILED);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void allAddressesAreTriedAndNamed() throws IOException {
        String servers = "127.0.0.1:%d,no-such-host.invalid:9092".formatted(closedPort());

        Cli run = Cli.run("tenants", "ls", "--bootstrap-server", servers);

        assertThat(run.err()).contains("127.0.0.1:", "the name no-such-host.invalid is not known here");
    }
}
