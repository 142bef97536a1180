package io.tidegate.topologytests.broker;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/** The main job on the broker that users run, if a Docker engine is available. */
@EnabledIf("dockerAnswers")
@Tag("long")
final class ContainerMainJobTest extends MainJobContract {
    private static KafkaContainer kafka;

    static boolean dockerAnswers() {
        return DockerClientFactory.instance().isDockerAvailable();
    }

    @BeforeAll
    static void startBroker() {
        kafka = new KafkaContainer(DockerImageName.parse("apache/kafka:4.3.1"))
                .withEnv("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000")
                .withEnv("KAFKA_GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS", "1000")
                .withEnv("KAFKA_GROUP_STREAMS_SESSION_TIMEOUT_MS", "3000")
                .withEnv("KAFKA_GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS", "500")
                .withEnv("KAFKA_GROUP_STREAMS_HEARTBEAT_INTERVAL_MS", "1000")
                .withEnv("KAFKA_GROUP_STREAMS_INITIAL_REBALANCE_DELAY_MS", "0")
                .withEnv("KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS", "4");
        kafka.start();
    }

    @AfterAll
    static void stopBroker() {
        kafka.stop();
    }

    @Override
    String bootstrapServers() {
        return kafka.getBootstrapServers();
    }
}
