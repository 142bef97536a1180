package io.tidegate.topologytests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two regional deployments on one broker: each tenant is written only where it may be, wherever its signals arrive. */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
final class TwoRegionsTest {
    private static final int ROUNDS = 100;

    @TempDir
    Path temp;

    private EmbeddedBroker broker;
    private Deployment eu;
    private Deployment us;

    @BeforeEach
    void start() throws Exception {
        broker = EmbeddedBroker.start(
                temp.resolve("broker"),
                0,
                Map.of("group.streams.session.timeout.ms", "3000", "group.min.session.timeout.ms", "1000"));
        eu = region("eu");
        us = region("us");
    }

    private Deployment region(String name) {
        return new Deployment(
                broker.bootstrapServers(),
                name,
                temp,
                "region=" + name,
                "region.topics=eu:eu.signals,us:us.signals",
                "topic.tenant.configs=configs");
    }

    @AfterEach
    void stop() {
        eu.close();
        us.close();
        broker.close();
    }

    @Test
    void writesEachTenantOnlyWhereItMayBe() throws Exception {
        assertThat(eu.tidegate("init").exit()).isZero();
        eu.set("1", "--region", "eu");
        eu.set("2", "--region", "us");
        eu.set("3", "--label", "Three");
        eu.set("4", "--region", "mars");
        eu.start("eu");
        us.start("us");
        for (Deployment region : new Deployment[] {eu, us}) {
            region.send(4 * ROUNDS, i -> "{\"tenant_id\":%d,\"item\":%d}".formatted(1 + i % 4, i));
        }

        // Europe's first: what it sent on is then in America's ingress, and the other way round.
        eu.verify("eu");
        us.verify("us");
        JsonNode inEurope = eu.verify("eu").at("/tenants");
        JsonNode inAmerica = us.verify("us").at("/tenants");

        assertThat(inEurope.at("/1/in_wal").asLong()).isEqualTo(2 * ROUNDS);
        assertThat(inAmerica.at("/1/forwarded").asLong()).isEqualTo(ROUNDS);
        assertThat(inAmerica.at("/1/in_wal").asLong()).isZero();
        assertThat(inAmerica.at("/2/in_wal").asLong()).isEqualTo(2 * ROUNDS);
        assertThat(inEurope.at("/2/forwarded").asLong()).isEqualTo(ROUNDS);
        for (JsonNode books : new JsonNode[] {inEurope, inAmerica}) {
            assertThat(books.at("/3/in_wal").asLong()).isEqualTo(ROUNDS);
            assertThat(books.at("/4/rejected/region_not_allowed").asLong()).isEqualTo(ROUNDS);
        }
        assertThat(records(eu.dataDir("eu"), 1)).isEqualTo(2 * ROUNDS);
        assertThat(records(us.dataDir("us"), 2)).isEqualTo(2 * ROUNDS);
        assertThat(Path.of(eu.dataDir("eu"), "tenants", "2"))
                .satisfies(dir -> assertThat(Files.exists(dir)).isFalse());
        assertThat(Path.of(us.dataDir("us"), "tenants", "1"))
                .satisfies(dir -> assertThat(Files.exists(dir)).isFalse());
    }

    private static int records(String dataDir, long tenant) throws Exception {
        int count = 0;
        try (WalReader reader = WalReader.open(new DataDir(Path.of(dataDir)), TenantId.of(tenant), 0)) {
            while (reader.next() != null) {
                count++;
            }
        }
        return count;
    }
}
