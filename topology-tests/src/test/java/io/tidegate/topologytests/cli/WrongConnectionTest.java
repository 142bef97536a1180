package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.cli.InProcess;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.demo.FreePorts;
import java.net.BindException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The doctor tells apart the reasons for which a broker that accepts connections is of no use. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
final class WrongConnectionTest {
    private static final String SASL = "kafka.security.protocol=SASL_PLAINTEXT";
    private static final String LOGIN =
            "kafka.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\""
                    + " password=\"p\";";

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private static int plain;
    private static int elsewhere;

    /** Another program can take a port between its choice and its use. */
    @BeforeAll
    static void start() throws Exception {
        while (broker == null) {
            try {
                broker = start(FreePorts.find(4));
            } catch (BindException e) {
                System.err.println("choosing other ports: " + e.getMessage());
            }
        }
    }

    private static EmbeddedBroker start(List<Integer> ports) throws Exception {
        plain = ports.get(0);
        int controller = ports.get(1);
        elsewhere = ports.get(2);
        int closed = ports.get(3);
        Map<String, String> settings = new HashMap<>();
        settings.put("controller.quorum.voters", "1@127.0.0.1:" + controller);
        settings.put(
                "listeners",
                "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d,ELSEWHERE://127.0.0.1:%d"
                        .formatted(plain, controller, elsewhere));
        settings.put(
                "advertised.listeners", "PLAINTEXT://127.0.0.1:%d,ELSEWHERE://127.0.0.1:%d".formatted(plain, closed));
        settings.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ELSEWHERE:PLAINTEXT");
        settings.put("inter.broker.listener.name", "PLAINTEXT");
        return EmbeddedBroker.start(temp.resolve("broker"), plain, settings);
    }

    @AfterAll
    static void stop() {
        if (broker != null) {
            broker.close();
        }
    }

    private static InProcess doctor(int port, String... more) {
        List<String> words = new java.util.ArrayList<>(List.of(
                "doctor",
                "--bootstrap-server",
                "127.0.0.1:" + port,
                "--data-dir",
                temp.resolve("data").toString(),
                "--set",
                "http.port=0"));
        words.addAll(List.of(more));
        InProcess doctor = InProcess.run(words.toArray(String[]::new));
        assertThat(doctor.exit()).as(doctor.out() + doctor.err()).isEqualTo(1);
        return doctor;
    }

    @Test
    void anAdvertisedAddressThatCannotBeReachedIsFoundWithASingleBroker() {
        assertThat(doctor(elsewhere).out())
                .contains("fail  listener", "the address that it advertises cannot be reached from here")
                .contains("advertised.listeners")
                .doesNotContain("does not answer as Kafka");
    }

    @Test
    void aLoginThatTheListenerDoesNotHaveIsFound() {
        assertThat(doctor(plain, "--set", SASL, "--set", "kafka.sasl.mechanism=PLAIN", "--set", LOGIN)
                        .out())
                .contains("the broker rejects the login", "set kafka.security.protocol, kafka.sasl.mechanism")
                .doesNotContain("does not answer as Kafka");
    }

    @Test
    void aCommandNamesTheSettingsOfALoginThatIsRejected() {
        InProcess run = InProcess.run(
                "tenants",
                "ls",
                "--bootstrap-server",
                "127.0.0.1:" + plain,
                "--set",
                SASL,
                "--set",
                "kafka.sasl.mechanism=PLAIN",
                "--set",
                LOGIN);

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err())
                .contains("set kafka.security.protocol, kafka.sasl.mechanism")
                .hasLineCount(1);
    }
}
