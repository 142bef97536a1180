package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.fixtures.ClosedPort;
import io.tidegate.instance.InstanceRunner;
import io.tidegate.tools.Doctor.Finding;
import io.tidegate.tools.Doctor.Level;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Node;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DoctorTest {
    @TempDir
    private Path root;

    private Doctor doctor(String server, String... more) {
        Map<String, String> flags = new java.util.HashMap<>(Map.of(
                Settings.BOOTSTRAP_SERVERS, server, Settings.DATA_DIR, root.toString(), Settings.HTTP_PORT, "0"));
        for (int i = 0; i < more.length; i += 2) {
            flags.put(more[i], more[i + 1]);
        }
        return new Doctor(SettingsLoader.load(null, Map.of(), flags), InstanceRunner::checkHttpFiles);
    }

    /** A port without a listener: it was free a moment ago. */
    private final ClosedPort closed = new ClosedPort();

    DoctorTest() throws IOException {}

    @AfterEach
    void release() throws IOException {
        closed.close();
    }

    private static Finding only(List<Finding> findings, String area) {
        return findings.stream()
                .filter(finding -> finding.area().equals(area))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void namesABrokerThatCannotBeReached() throws IOException {
        String server = "127.0.0.1:" + closed.port();

        Finding broker = only(doctor(server).examine(), "broker");

        assertThat(broker.level()).isEqualTo(Level.FAIL);
        assertThat(broker.text()).contains(server, "cannot be connected to");
        assertThat(broker.fix()).contains("--bootstrap-server");
    }

    @Test
    void namesAHostThatIsNotKnown() {
        assertThat(only(doctor("no-such-host.invalid:9092").examine(), "broker").text())
                .contains("the host name no-such-host.invalid cannot be resolved");
    }

    @Test
    void explainsAnAdvertisedAddressThatLeadsNowhere() throws IOException {
        Doctor doctor = doctor("127.0.0.1:1");

        assertThat(doctor.advertised(List.of(new Node(7, "127.0.0.1", closed.port()))))
                .isFalse();

        Finding listener = only(doctor.examine(), "listener");
        assertThat(listener.text()).contains("broker 7 advertises 127.0.0.1:");
        assertThat(listener.fix()).contains("advertised.listeners");
    }

    @Test
    void findsADiskThatIsTooFull() {
        Finding disk = only(
                doctor("127.0.0.1:1", Settings.DISK_MIN_FREE_BYTES, Long.toString(Long.MAX_VALUE))
                        .examine(),
                "disk");

        assertThat(disk.level()).isEqualTo(Level.FAIL);
        assertThat(disk.text()).contains(" GiB (", "disk.min.free.bytes");
        assertThat(only(doctor("127.0.0.1:1", Settings.DISK_MIN_FREE_BYTES, "0").examine(), "disk")
                        .text())
                .matches("\\d+\\.\\d GiB are free");
    }

    @Test
    void findsAPortThatAnotherProgramHas() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Finding port = only(
                    doctor("127.0.0.1:1", Settings.HTTP_PORT, Integer.toString(taken.getLocalPort()))
                            .examine(),
                    "port");

            assertThat(port.level()).isEqualTo(Level.FAIL);
        }
    }

    @Test
    void findsTokensAndCertificatesWithWhichNoInstanceStarts() throws IOException {
        Path tokens = Files.writeString(root.resolve("tokens"), "ops admin short\n");
        Finding http = only(
                doctor("127.0.0.1:1", Settings.HTTP_TOKENS_FILE, tokens.toString())
                        .examine(),
                "http");
        assertThat(http.level()).isEqualTo(Level.FAIL);
        assertThat(http.text()).contains(tokens + " line 1", "shorter than 16 characters");

        Files.writeString(tokens, "ops admin 0123456789abcdef\n");
        assertThat(only(
                                doctor("127.0.0.1:1", Settings.HTTP_TOKENS_FILE, tokens.toString())
                                        .examine(),
                                "http")
                        .level())
                .isEqualTo(Level.OK);

        Path ca = Files.writeString(root.resolve("ca.pem"), "no certificate");
        assertThat(only(
                                doctor("127.0.0.1:1", Settings.HTTP_TLS_CA_FILE, ca.toString())
                                        .examine(),
                                "http")
                        .text())
                .contains(ca.toString(), "no certificate in PEM form");
    }

    @Test
    void leavesNothingInTheDataDirectory() throws IOException {
        doctor("127.0.0.1:1").examine();

        assertThat(root).isEmptyDirectory();
    }
}
