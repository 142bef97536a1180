package io.tidegate.topologytests.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Routing of signals whose tenants require certain regions. */
final class ResidencyTest {
    private static final String EU = "signals";
    private static final String US = "signals-us";
    private static final String AP = "signals-ap";

    @TempDir
    Path root;

    private TopologyFixture inEurope() {
        return TopologyFixture.in(root)
                .region("eu")
                .regionTopics(Map.of("eu", EU, "us", US, "ap", AP))
                .start();
    }

    private static String header(TestRecord<byte[], byte[]> record, String name) {
        return TopologyFixture.text(record.headers().lastHeader(name).value());
    }

    @Test
    void forwardsASignalUnchangedToTheRegionThatTheTenantRequires() {
        try (TopologyFixture app = inEurope()) {
            app.config("42", "\"required_regions\":[\"us\"]");
            app.pipe(
                    EU,
                    TopologyFixture.record("{\"tenant_id\":42,\"signal\":\"view\"}")
                            .key("k")
                            .header("mine", "1")
                            .now());

            List<TestRecord<byte[], byte[]>> there = app.read(US);
            assertThat(there).hasSize(1);
            assertThat(TopologyFixture.text(there.get(0).key())).isEqualTo("k");
            assertThat(TopologyFixture.text(there.get(0).value())).isEqualTo("{\"tenant_id\":42,\"signal\":\"view\"}");
            assertThat(header(there.get(0), "mine")).isEqualTo("1");
            assertThat(header(there.get(0), "tidegate.forwarded_by")).isEqualTo("eu");
            assertThat(header(there.get(0), "tidegate.forwarded_from")).isEqualTo("signals/0/0");
            assertThat(app.read(TopologyFixture.BY_TENANT)).isEmpty();
            assertThat(app.read(TopologyFixture.QUOTA_EXCEEDED)).isEmpty();
            assertThat(app.wal("42")).isEmpty();
        }
    }

    @Test
    void keepsWhatMayBeHere() {
        try (TopologyFixture app = inEurope()) {
            app.config("42", "\"required_regions\":[\"us\",\"eu\"]");
            app.config("43", "");

            assertThat(app.send("42", TopologyFixture.T0).verdict()).isEqualTo("accepted");
            assertThat(app.send("43", TopologyFixture.T0).verdict()).isEqualTo("accepted");
            assertThat(app.read(US)).isEmpty();
        }
    }

    @Test
    void rejectsASignalThatNoRegionCanTake() {
        try (TopologyFixture app = inEurope()) {
            app.config("42", "\"required_regions\":[\"mars\"]");

            assertThat(app.send("42", TopologyFixture.T0).verdict()).isEqualTo("region_not_allowed");
        }
    }

    @Test
    void alwaysChoosesTheSameOfSeveralRegionsForATenant() {
        try (TopologyFixture app = inEurope()) {
            TreeSet<Integer> us = new TreeSet<>();
            for (int id = 1; id <= 40; id++) {
                app.config(Integer.toString(id), "\"required_regions\":[\"us\",\"ap\"]");
                app.pipe(EU, TopologyFixture.signal(Integer.toString(id), TopologyFixture.T0));
                app.pipe(EU, TopologyFixture.signal(Integer.toString(id), TopologyFixture.T0));
                int toUs = app.read(US).size();
                assertThat(List.of(toUs, app.read(AP).size())).containsExactlyInAnyOrder(0, 2);
                if (toUs > 0) {
                    us.add(id);
                }
            }
            assertThat(us).hasSizeBetween(8, 32);
        }
    }

    @Test
    void neverForwardsASignalToARegionThatItCameFrom() {
        try (TopologyFixture app = inEurope()) {
            app.config("42", "\"required_regions\":[\"us\"]");
            app.config("43", "\"required_regions\":[\"us\",\"ap\"]");

            assertThat(app.send(TopologyFixture.record("{\"tenant_id\":42}")
                                    .header("tidegate.forwarded_by", "us")
                                    .now())
                            .verdict())
                    .isEqualTo("region_not_allowed");
            app.pipe(
                    EU,
                    TopologyFixture.record("{\"tenant_id\":43}")
                            .header("tidegate.forwarded_by", "us")
                            .now());
            assertThat(header(app.read(AP).get(0), "tidegate.forwarded_by")).isEqualTo("us,eu");
        }
    }

    @Test
    void rejectsASignalThatClaimsToComeFromAllRegions() {
        try (TopologyFixture app = inEurope()) {
            app.config("42", "\"required_regions\":[\"us\"]");

            assertThat(app.send(TopologyFixture.record("{\"tenant_id\":42}")
                                    .header("tidegate.forwarded_by", "x,".repeat(3000))
                                    .now())
                            .verdict())
                    .isEqualTo("region_not_allowed");
        }
    }

    @Test
    void decidesOnAnUnknownTenantInItsOwnRegion() {
        try (TopologyFixture app = inEurope()) {
            assertThat(app.send("42", TopologyFixture.T0).verdict()).isEqualTo("tenant_unknown");
        }
    }
}
