package io.tidegate.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.tidegate.admission.Admission;
import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.contract.RecordSizes;
import io.tidegate.instance.TopologyFromSettings;
import io.tidegate.signal.Defect;
import io.tidegate.signal.Signal;
import io.tidegate.streams.Alignment;
import io.tidegate.streams.Continuity;
import io.tidegate.streams.Instance;
import io.tidegate.tenant.MissingTenants;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.SignalLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfig.Mode;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.topology.TidegateTopology;
import io.tidegate.topology.TopologyListener.Stage;
import io.tidegate.topology.TopologyListener.UsageRound;
import io.tidegate.topology.TopologySettings;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class InstanceMetricsTest {
    private static final Pattern TYPE = Pattern.compile("(?m)^# TYPE (tidegate_\\w+) (\\w+)$");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| `(tidegate_\\w+)` \\| (\\w+) \\|");
    private static final TenantConfig CONFIG = new TenantConfig(
                    TenantId.of(42),
                    100L,
                    null,
                    BigInteger.TEN,
                    BigInteger.valueOf(1000),
                    List.of(),
                    "",
                    Mode.ENFORCE,
                    null)
            .toBuilder()
                    .label("Bursty \"Bikes\"")
                    .maxBytesPerSec(BigInteger.valueOf(2_000))
                    .periods(List.of(new PeriodLimit(PeriodLimit.Per.DAY, BigInteger.valueOf(1_000), null)))
                    .maxItems(BigInteger.valueOf(7))
                    .maxUsers(BigInteger.valueOf(8))
                    .maxCreators(BigInteger.valueOf(9))
                    .signals(Map.of("click", new SignalLimit(10L, 20L)))
                    .build();

    @TempDir
    private Path root;

    private final AtomicLong clockMs = new AtomicLong(1_000_000);
    private InstanceMetrics metrics;
    private Instance instance;

    @BeforeEach
    void start() {
        Settings settings = SettingsLoader.load(null, Map.of(), Map.of(Settings.DATA_DIR, root.toString()));
        TopologySettings topology = TopologyFromSettings.of(settings, new RecordSizes(100_000, 100_000));
        TenantConfigs configs = new TenantConfigs(UnknownTenants.REJECT, MissingTenants.REJECT);
        metrics = new InstanceMetrics(
                new PrometheusMeterRegistry(PrometheusConfig.DEFAULT), topology, "app", 2, clockMs::get);
        DataDir dir = new DataDir(root, metrics);
        Continuity continuity = new Continuity((partition, from, to) -> false);
        instance = new Instance(
                TidegateTopology.build(topology, configs, dir, shard -> false, continuity, metrics),
                settings.streamsConfig(dir.streamsState(), 100_000, null),
                dir,
                0,
                topology.topics(),
                settings.shards(),
                Duration.ofMillis(settings.sessionTimeoutMs()),
                null,
                continuity,
                metrics);
        metrics.watch(instance, configs, dir, 7);
        metrics.watchSchemas(Map.of("found", () -> 3L), () -> 2, () -> true);
        metrics.watch(
                () -> List.of(new Alignment.Progress(new TopicPartition("signals", 3), 90_000, "stuck")), () -> 2);
    }

    /** A counter's library holds what it reads by a weak reference. */
    @Test
    void lookupsOfSchemasAreCountedAfterAGarbageCollection() {
        var before = new WeakReference<>(new Object());
        while (before.get() != null) {
            System.gc();
        }

        assertThat(scrape()).contains("tidegate_schema_lookups_total{outcome=\"found\"} 3.0");
    }

    @AfterEach
    void stop() {
        instance.close();
        metrics.close();
    }

    private String scrape() {
        return metrics.scrape(null).text();
    }

    private void use(TenantConfig config, TenantUsage usage) {
        UsageRound round = metrics.usageRound(0);
        round.tenant(config, usage);
        round.end();
    }

    private static Map<String, String> all(Pattern pattern, String text) {
        Map<String, String> found = new TreeMap<>();
        Matcher matcher = pattern.matcher(text);
        while (matcher.find()) {
            found.put(matcher.group(1), matcher.group(2));
        }
        return found;
    }

    @Test
    void thePageTheConstantsAndAScrapeNameTheSameMetrics() throws IOException, IllegalAccessException {
        metrics.rejected(TenantId.of(42), Reason.RATE_LIMITED);
        use(CONFIG, TenantUsage.fresh(1, 2));
        TreeSet<String> constants = new TreeSet<>();
        for (Field field : MetricNames.class.getDeclaredFields()) {
            if (Modifier.isPublic(field.getModifiers())) {
                constants.add((String) field.get(null));
            }
        }

        Map<String, String> scraped = all(TYPE, scrape());
        Map<String, String> page = all(ROW, Files.readString(Path.of("..", "docs", "metrics.md")));

        assertThat(scraped.keySet()).containsExactlyInAnyOrderElementsOf(constants);
        assertThat(page).containsExactlyInAnyOrderEntriesOf(scraped);
    }

    @Test
    void showsTheLimitAndTheTokensOfEachTypeOfSignalsThatHasALimit() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        Signal click = new Signal(null, "click", List.of(), List.of(), List.of());
        new Admission(null).admit(CONFIG, usage, click, 100, 1_000);
        use(CONFIG, usage);

        assertThat(scrape())
                .contains("tidegate_tenant_signal_rate_limit{signal=\"click\",tenant=\"42\"} 10.0")
                .contains("tidegate_tenant_signal_tokens{signal=\"click\",tenant=\"42\"} 9.0");
    }

    @Test
    void showsTheUseOfEachLimitOfAPeriodUntilThePeriodEnds() {
        TenantConfig config = CONFIG.toBuilder()
                .periods(List.of(
                        new PeriodLimit(PeriodLimit.Per.HOUR, null, BigInteger.valueOf(5_000)),
                        new PeriodLimit(PeriodLimit.Per.DAY, BigInteger.valueOf(1_000), null)))
                .build();
        TenantUsage usage = TenantUsage.fresh(1, 2);
        new Admission(null).admit(config, usage, new Signal(null, null, null, null), 100, clockMs.get());
        use(config, usage);

        assertThat(scrape())
                .contains("tidegate_tenant_period_used{per=\"hour\",tenant=\"42\",unit=\"bytes\"} 100.0\n")
                .contains("tidegate_tenant_period_limit{per=\"hour\",tenant=\"42\",unit=\"bytes\"} 5000.0\n")
                .contains("tidegate_tenant_period_used{per=\"day\",tenant=\"42\",unit=\"signals\"} 1.0\n")
                .contains("tidegate_tenant_period_limit{per=\"day\",tenant=\"42\",unit=\"signals\"} 1000.0\n")
                .doesNotContain("per=\"hour\",tenant=\"42\",unit=\"signals\"");

        clockMs.addAndGet(Duration.ofHours(1).toMillis());
        use(config, usage);
        assertThat(scrape())
                .contains("tidegate_tenant_period_used{per=\"hour\",tenant=\"42\",unit=\"bytes\"} 0.0\n")
                .contains("tidegate_tenant_period_used{per=\"day\",tenant=\"42\",unit=\"signals\"} 1.0\n");
    }

    @Test
    void showsTheLabelOfATenantUntilItHasAnother() {
        use(CONFIG, TenantUsage.fresh(1, 2));
        assertThat(scrape()).contains("tidegate_tenant_label{label=\"Bursty \\\"Bikes\\\"\",tenant=\"42\"} 1.0\n");

        use(CONFIG.toBuilder().label("Renamed").build(), TenantUsage.fresh(1, 2));
        assertThat(scrape())
                .contains("tidegate_tenant_label{label=\"Renamed\",tenant=\"42\"} 1.0\n")
                .doesNotContain("Bursty");

        use(CONFIG.toBuilder().label("").build(), TenantUsage.fresh(1, 2));
        assertThat(scrape()).doesNotContain("tidegate_tenant_label{");
    }

    @Test
    void countsLateSignalsByTheBound() {
        metrics.late(false);
        metrics.late(false);
        metrics.late(true);
        metrics.historyFull();

        assertThat(scrape())
                .contains("tidegate_late_signals_total{bound=\"within\"} 2.0")
                .contains("tidegate_late_signals_total{bound=\"beyond\"} 1.0")
                .contains("tidegate_history_full_total 1.0");
    }

    @Test
    void showsTheSkewOfEachPartitionAndWhyNoOtherWaitsForIt() {
        assertThat(scrape())
                .contains("tidegate_partition_skew_seconds{partition=\"3\",topic=\"signals\"} 90.0")
                .contains("tidegate_partitions_ignored{partition=\"3\",reason=\"stuck\",topic=\"signals\"} 1.0")
                .contains("tidegate_partitions_withheld 2.0");
    }

    @Test
    void showsTheMemoryOfTheHistories() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        new Admission(null).admit(CONFIG, usage, new Signal(null, null, null, null), 100, 1_000);
        use(CONFIG, usage);

        assertThat(usage.historyBytes()).isPositive();
        assertThat(scrape()).contains("tidegate_history_bytes %s".formatted((double) usage.historyBytes()));
    }

    @Test
    void namesARejectedTenantAndCountsByReason() {
        metrics.rejected(TenantId.of(42), Reason.RATE_LIMITED);
        metrics.rejected(TenantId.of(42), Reason.RATE_LIMITED);
        metrics.rejected(TenantId.of(7), Reason.ENTITY_LIMIT);
        metrics.rejected(TenantId.of(8), Reason.ENTITY_LIMIT);
        metrics.accepted();
        metrics.deadLettered(Defect.MALFORMED);

        assertThat(scrape())
                .contains("tidegate_rejections_total{reason=\"rate_limited\",tenant=\"42\"} 2.0\n")
                .contains("tidegate_rejections_total{reason=\"entity_limit\",tenant=\"7\"} 1.0\n")
                .contains("tidegate_rejections_total{reason=\"entity_limit\",tenant=\"_other\"} 1.0\n")
                .contains("tidegate_rejected_tenants_folded 1.0\n")
                .contains("tidegate_signals_total{outcome=\"accepted\"} 1.0\n")
                .contains("tidegate_signals_total{outcome=\"rejected\"} 4.0\n")
                .contains("tidegate_dead_letters_total{reason=\"malformed\"} 1.0\n")
                .doesNotContain("tenant=\"8\"");
    }

    @Test
    void dropsTheSeriesOfATenantThatLostItsName() {
        metrics.rejected(TenantId.of(1), Reason.RATE_LIMITED);
        metrics.rejected(TenantId.of(2), Reason.RATE_LIMITED);
        for (int i = 0; i < 10; i++) {
            metrics.rejected(TenantId.of(3), Reason.RATE_LIMITED);
        }
        clockMs.addAndGet(TenantRejections.TURN_MS);
        scrape();
        metrics.rejected(TenantId.of(3), Reason.RATE_LIMITED);
        clockMs.addAndGet(TenantRejections.LEAVING_MS);

        assertThat(scrape())
                .contains("tenant=\"3\"} 1.0")
                .contains("tidegate_rejections_total{reason=\"rate_limited\",tenant=\"_other\"} 10.0\n")
                .containsPattern("tenant=\"[12]\"}")
                .doesNotContainPattern("(?s)tenant=\"1\"}.*tenant=\"2\"}");
    }

    /** Its series ends even if there is room for more tenants with their own series. */
    @Test
    void dropsTheSeriesOfADeletedTenantFiveMinutesLater() {
        metrics.rejected(TenantId.of(1), Reason.RATE_LIMITED);
        metrics.deleted(TenantId.of(1));
        metrics.deleted(TenantId.of(5));
        clockMs.addAndGet(TenantRejections.LEAVING_MS - 1);
        assertThat(scrape()).contains("tidegate_rejections_total{reason=\"rate_limited\",tenant=\"1\"} 1.0\n");

        clockMs.addAndGet(1);
        assertThat(scrape()).doesNotContain("tenant=\"1\"");
        metrics.rejected(TenantId.of(1), Reason.RATE_LIMITED);
        assertThat(scrape()).contains("tidegate_rejections_total{reason=\"rate_limited\",tenant=\"1\"} 2.0\n");
    }

    @Test
    void moreDeletedTenantsThanHaveNamesAreNotAllKept() {
        for (int id = 1; id <= 50; id++) {
            metrics.rejected(TenantId.of(id), Reason.RATE_LIMITED);
            metrics.deleted(TenantId.of(id));
        }

        // Two with a label, two that have lost it, and the others.
        assertThat(scrape().lines().filter(line -> line.startsWith("tidegate_rejections_total{reason=\"rate")))
                .hasSizeLessThanOrEqualTo(5);
    }

    @Test
    void showsUseNextToItsLimit() {
        TenantUsage usage = TenantUsage.fresh(1, 2);
        usage.storageChanged(1, 900);
        use(CONFIG, usage);

        assertThat(scrape())
                .contains("tidegate_tenant_storage_bytes{tenant=\"42\"} 900.0\n")
                .contains("tidegate_tenant_storage_limit_bytes{tenant=\"42\"} 1000.0\n")
                .contains("tidegate_tenant_entities_limit{tenant=\"42\"} 10.0\n")
                .contains("tidegate_tenant_rate_limit{tenant=\"42\"} 100.0\n")
                .contains("tidegate_tenant_burst_limit{tenant=\"42\"} 200.0\n")
                .contains("tidegate_tenant_byte_rate_limit{tenant=\"42\"} 2000.0\n")
                .contains("tidegate_tenant_byte_burst_limit{tenant=\"42\"} 4000.0\n")
                .contains("tidegate_tenant_byte_tokens{tenant=\"42\"} 2000.0\n")
                .contains("tidegate_tenant_signal_bytes_limit{tenant=\"42\"} 4000.0\n")
                .contains("tidegate_tenant_items{tenant=\"42\"} 0.0\n")
                .contains("tidegate_tenant_items_limit{tenant=\"42\"} 7.0\n")
                .contains("tidegate_tenant_users_limit{tenant=\"42\"} 8.0\n")
                .contains("tidegate_tenant_creators_limit{tenant=\"42\"} 9.0\n");
    }

    @Test
    void showsNoLimitForAnUnlimitedTenant() {
        use(TenantConfig.unlimited(TenantId.of(42), ""), TenantUsage.fresh(1, 2));

        assertThat(scrape())
                .contains("tidegate_tenant_entities{tenant=\"42\"} 0.0\n")
                .doesNotContain("tidegate_tenant_entities_limit{")
                .doesNotContain("tidegate_tenant_byte_rate_limit{")
                .doesNotContain("tidegate_tenant_signal_bytes_limit{")
                .doesNotContain("tidegate_tenant_items_limit{")
                .doesNotContain("tidegate_tenant_rate_limit{");
    }

    @Test
    void showsTheTenantsNearestToALimitAndHowManyItDoesNotShow() {
        UsageRound round = metrics.usageRound(0);
        for (int id = 1; id <= 5; id++) {
            TenantUsage usage = TenantUsage.fresh(1, 2);
            usage.storageChanged(1, id == 2 || id == 4 ? 900 : 10);
            round.tenant(CONFIG.withTenantId(TenantId.of(id)), usage);
        }
        round.end();

        assertThat(scrape())
                .contains("tidegate_tenant_storage_bytes{tenant=\"2\"} 900.0")
                .contains("tidegate_tenant_storage_bytes{tenant=\"4\"} 900.0")
                .doesNotContain("tidegate_tenant_storage_bytes{tenant=\"3\"}")
                .contains("tidegate_tenants_folded 3.0\n");
    }

    /** Otherwise the alerts about 80 and 90 % would not see a tenant while others are rejected. */
    @Test
    void showsATenantAt80PercentBeforeRejectedOnes() {
        UsageRound round = metrics.usageRound(0);
        for (int id = 1; id <= 5; id++) {
            TenantId tenant = TenantId.of(id);
            TenantUsage usage = TenantUsage.fresh(1, 2);
            if (id == 5) {
                usage.storageChanged(1, 800);
            } else {
                metrics.rejected(tenant, Reason.RATE_LIMITED);
            }
            round.tenant(CONFIG.withTenantId(tenant), usage);
        }
        round.end();

        assertThat(scrape()).contains("tidegate_tenant_storage_bytes{tenant=\"5\"} 800.0");
    }

    @Test
    void forgetsTheTenantsOfATaskThatMovedToAnotherInstance() {
        use(CONFIG, TenantUsage.fresh(1, 2));
        LongConsumer task = metrics.opened(Stage.ADMIT, 0);
        scrape();
        metrics.closed(Stage.ADMIT, 0, task);

        assertThat(scrape()).doesNotContain("tenant=\"42\"");
    }

    @Test
    void aLostTaskThatClosesLateIsNotItsSuccessor() {
        LongConsumer lost = metrics.opened(Stage.ADMIT, 0);
        metrics.opened(Stage.ADMIT, 0);
        metrics.closed(Stage.ADMIT, 0, lost);

        assertThat(scrape()).contains("tidegate_tasks{stage=\"admit\"} 1.0");
    }

    @Test
    void putsNoTenantOnAHistogram() {
        metrics.fsynced(2_000_000);

        assertThat(scrape())
                .contains("tidegate_wal_fsync_seconds_bucket{le=\"0.005\"} 1\n")
                .doesNotContainPattern("_bucket\\{[^}]*tenant=");
    }

    @Test
    void respondsInOpenMetricsOnRequest() {
        InstanceMetrics.Scrape open = metrics.scrape("application/openmetrics-text");

        assertThat(open.contentType()).startsWith("application/openmetrics-text");
        assertThat(open.text()).endsWith("# EOF\n");
        assertThat(metrics.scrape("text/html").contentType()).startsWith("text/plain; version=0.0.4");
    }

    /** As with a purge of a tenant that continues to send. */
    @Test
    void aCounterGrowsOnAfterTheCountOfATenantHasBegunAgain() {
        TenantUsage before = TenantUsage.fresh(1, 2);
        before.acceptedBytes(500);
        use(CONFIG, before);
        assertThat(scrape()).contains("tidegate_tenant_accepted_bytes_total{tenant=\"42\"} 500.0");

        TenantUsage purged = TenantUsage.fresh(1, 2);
        for (int i = 0; i < 2; i++) {
            purged.acceptedBytes(100);
            use(CONFIG, purged);
            assertThat(scrape()).contains("tidegate_tenant_accepted_bytes_total");
        }
        // The first signal after the purge came before a scrape saw that the count had begun again.
        assertThat(scrape()).contains("tidegate_tenant_accepted_bytes_total{tenant=\"42\"} 600.0");
    }
}
