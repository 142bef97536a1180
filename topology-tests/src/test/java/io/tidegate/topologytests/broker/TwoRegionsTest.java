package io.tidegate.topologytests.broker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two regional deployments on one broker: wherever its signals arrive, a tenant is written only in its regions. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@Tag("long")
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

    /** A region configured as docs/residency.md prints it for Europe, with the differences that it lists for America. */
    private Deployment region(String name) throws Exception {
        String page = Files.readString(Path.of("../docs/residency.md"));
        String printed = page.replaceAll("(?s)^.*?```properties\n(.*?)```.*$", "$1");
        List<String> settings = new ArrayList<>();
        settings.add("topic.tenant.configs=tenant-configs");
        for (String line : printed.lines().toList()) {
            settings.add(line.startsWith("region.topics=") ? line : line.replaceAll("\\beu$", name));
        }
        assertThat(settings).hasSizeGreaterThan(8).contains("region=" + name, "topic.signals=signals-" + name);
        return new Deployment(broker.bootstrapServers(), name, temp, settings.toArray(String[]::new));
    }

    @AfterEach
    void stop() {
        eu.close();
        us.close();
        broker.close();
    }

    @Test
    void writesEachTenantOnlyWhereItMayBe() throws Exception {
        eu.init();
        eu.set("1", "--region", "eu");
        eu.set("2", "--region", "us");
        eu.set("3", "--label", "Three");
        eu.set("4", "--region", "mars");
        eu.start("eu");
        us.start("us");
        for (Deployment region : new Deployment[] {eu, us}) {
            region.send(4 * ROUNDS, i -> "{\"tenant_id\":%d,\"item\":%d}".formatted(1 + i % 4, i));
        }

        // Europe is checked twice: after its first check, all its forwarded signals are in America's ingress, and vice
        // versa.
        eu.verify("eu");
        us.verify("us");
        JsonNode inEurope = eu.verify("eu").at("/tenants");
        JsonNode inAmerica = us.verify("us").at("/tenants");

        assertThat(inEurope.at("/1/in_wal").asLong()).isEqualTo(2 * ROUNDS);
        assertThat(inAmerica.at("/1/forwarded").asLong()).isEqualTo(ROUNDS);
        assertThat(inAmerica.at("/1/in_wal").asLong()).isZero();
        assertThat(inAmerica.at("/2/in_wal").asLong()).isEqualTo(2 * ROUNDS);
        assertThat(inEurope.at("/2/forwarded").asLong()).isEqualTo(ROUNDS);
        for (JsonNode verified : new JsonNode[] {inEurope, inAmerica}) {
            assertThat(verified.at("/3/in_wal").asLong()).isEqualTo(ROUNDS);
            assertThat(verified.at("/4/rejected/region_not_allowed").asLong()).isEqualTo(ROUNDS);
        }
        assertThat(records(eu.dataDir("eu"), 1)).isEqualTo(2 * ROUNDS);
        assertThat(records(us.dataDir("us"), 2)).isEqualTo(2 * ROUNDS);
        assertThat(Path.of(eu.dataDir("eu"), "tenants", "2"))
                .satisfies(dir -> assertThat(Files.exists(dir)).isFalse());
        assertThat(Path.of(us.dataDir("us"), "tenants", "1"))
                .satisfies(dir -> assertThat(Files.exists(dir)).isFalse());
    }

    @Test
    void pruningInOneRegionLeavesTheOtherAsItIs() throws Exception {
        eu.init();
        eu.set("3", "--label", "Three");
        eu.start("eu");
        us.start("us");
        for (Deployment region : new Deployment[] {eu, us}) {
            region.send(4 * ROUNDS, i -> "{\"tenant_id\":3,\"pad\":\"%s\"}".formatted("x".repeat(200)));
            region.verify(region == eu ? "eu" : "us");
        }
        long before = records(us.dataDir("us"), 3);

        var pruned = eu.quick("wal", "prune", "3", "--below", Integer.toString(3 * ROUNDS));
        assertThat(pruned.exit()).as(pruned.out() + pruned.err()).isZero();
        TidegateProcess.await(Deployment.TAKES_EFFECT_WITHIN, "the prune in Europe", eu::logs, () -> {
            try {
                return records(eu.dataDir("eu"), 3) < 4 * ROUNDS;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        // America has a separate topic for commands, so no command can be under way to it.
        us.send(1, i -> "{\"tenant_id\":3}");
        us.verify("us");

        assertThat(before).isEqualTo(4 * ROUNDS);
        assertThat(records(us.dataDir("us"), 3)).isEqualTo(before + 1);
    }

    @Test
    void aPurgeInTheRegionThatATenantLeftKeepsItInItsNewRegion() throws Exception {
        eu.init();
        eu.set("3", "--label", "Three");
        eu.start("eu");
        us.start("us");
        eu.send(ROUNDS, i -> "{\"tenant_id\":3,\"item\":%d}".formatted(i));
        eu.verify("eu");
        eu.set("3", "--region", "us");
        us.send(ROUNDS, i -> "{\"tenant_id\":3,\"item\":%d}".formatted(i));
        us.verify("us");

        var purged = eu.quick("tenants", "purge", "3", "--yes");

        assertThat(purged.exit()).as(purged.out() + purged.err()).isZero();
        assertThat(purged.out()).contains("tenant t3 deleted: %d signals accepted".formatted(ROUNDS));
        TidegateProcess.await(
                Deployment.TAKES_EFFECT_WITHIN,
                "the files are removed in Europe",
                eu::logs,
                () -> !Files.exists(Path.of(eu.dataDir("eu"), "tenants", "3")));
        us.send(1, i -> "{\"tenant_id\":3,\"item\":%d}".formatted(i));
        assertThat(us.verify("us").at("/tenants/3/in_wal").asLong()).isEqualTo(ROUNDS + 1);
        assertThat(us.quick("tenants", "get", "3").out()).contains("Three");
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
