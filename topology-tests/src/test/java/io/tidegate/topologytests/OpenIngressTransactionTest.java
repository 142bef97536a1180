package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.demo.EmbeddedBroker;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.tools.TransactionsCommand;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A producer that leaves its transaction open in the ingress topic is named, and the command that is named ends it. */
@Timeout(value = 6, unit = TimeUnit.MINUTES)
final class OpenIngressTransactionTest {
    private static final Pattern FIX = Pattern.compile("kafka-transactions\\.sh (.*--start-offset \\d+)");
    private static final Duration NAMED_WITHIN = Duration.ofMinutes(3);

    @TempDir
    Path temp;

    @Test
    void isNamedByTheInstanceAndByDoctorAndCanBeAbortedAsDoctorSays() throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
                Deployment app = new Deployment(broker.bootstrapServers(), "foreign", temp)) {
            TidegateProcess instance = app.start("a");
            Map<String, Object> config = Map.of(
                    "bootstrap.servers",
                    broker.bootstrapServers(),
                    "transactional.id",
                    "forgetful",
                    "transaction.timeout.ms",
                    600_000);
            try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(app.signals(), 0, null, "{}"))
                        .get();

                TidegateProcess.await(
                        NAMED_WITHIN,
                        "a warning",
                        instance::logText,
                        () -> instance.logText().contains("a producer's transaction stays open"));
                assertThat(instance.logText())
                        .contains("transactional_id=forgetful")
                        .contains("producer_id=");
                List<String> fix = new ArrayList<>();
                TidegateProcess.await(NAMED_WITHIN, "doctor to name it", instance::logText, () -> {
                    fix.clear();
                    fix.addAll(fix(app));
                    return !fix.isEmpty();
                });

                assertThat(run(fix)).isZero();

                app.send(10, i -> "{}");
                assertThat(app.verify("a").at("/tenants/0/in_wal").asLong()).isEqualTo(10);
            }
        }
    }

    private static List<String> fix(Deployment app) {
        try {
            Matcher named = FIX.matcher(app.tidegate("doctor").out());
            return named.find() ? List.of(named.group(1).split(" ", -1)) : List.of();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private int run(List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                TransactionsCommand.class.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(temp.resolve("fix.log").toFile())
                .start()
                .waitFor();
    }
}
