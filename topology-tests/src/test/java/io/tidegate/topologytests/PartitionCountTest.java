package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.demo.EmbeddedBroker;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Partitions that are added to a topic by tenant stay empty and stop nobody, while running and at the next start. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class PartitionCountTest {
    private static final int SHARDS = 2;
    private static final int MORE = 5;
    private static final int TENANTS = 20;

    @TempDir
    Path temp;

    @ParameterizedTest
    @CsvSource({"classic, accepted", "streams, by-tenant", "streams, accepted", "classic, by-tenant"})
    void additionalPartitionsStayEmptyAndStopNobody(String protocol, String topic) throws Exception {
        try (EmbeddedBroker broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
                Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
                Deployment app = new Deployment(broker.bootstrapServers(), "partitions", temp)) {
            String[] settings = {"--set", "group.protocol=" + protocol, "--set", "kafka.metadata.max.age.ms=1000"};
            TidegateProcess first = app.start("a", settings);
            for (int tenant = 1; tenant <= TENANTS; tenant++) {
                app.set(Integer.toString(tenant));
            }
            app.awaitUsable(Integer.toString(TENANTS));
            app.send(TENANTS, i -> "{\"tenant_id\":%d}".formatted(i + 1));
            app.verify("a");

            admin.createPartitions(Map.of(app.topic(topic), NewPartitions.increaseTo(MORE)))
                    .all()
                    .get(30, TimeUnit.SECONDS);
            for (int round = 0; round < 10; round++) {
                app.send(TENANTS, i -> "{\"tenant_id\":%d}".formatted(i + 1));
                app.verify("a");
            }
            assertThat(first.terminate()).as(first::logText).isEqualTo(143);

            app.start("a", settings);
            app.send(TENANTS, i -> "{\"tenant_id\":%d}".formatted(i + 1));
            assertThat(app.verify("a").at("/tenants/1/in_wal").asLong()).isEqualTo(12);
            assertThat(end(admin, app.topic(topic), 0, SHARDS)).isPositive();
            assertThat(end(admin, app.topic(topic), SHARDS, MORE)).isZero();
        }
    }

    private static long end(Admin admin, String topic, int from, int to) throws Exception {
        List<TopicPartition> partitions = IntStream.range(from, to)
                .mapToObj(partition -> new TopicPartition(topic, partition))
                .toList();
        long sum = 0;
        for (TopicPartition partition : partitions) {
            sum += admin.listOffsets(Map.of(partition, OffsetSpec.latest()))
                    .partitionResult(partition)
                    .get(30, TimeUnit.SECONDS)
                    .offset();
        }
        return sum;
    }
}
