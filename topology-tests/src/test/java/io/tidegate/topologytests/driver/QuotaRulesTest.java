package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.ACCEPTED;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.WAL_SEGMENTS;
import static io.tidegate.topologytests.driver.TopologyFixture.bytes;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static io.tidegate.topologytests.driver.TopologyFixture.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.SegmentReport;
import io.tidegate.tenant.UnknownTenants;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import io.tidegate.topologytests.driver.TopologyFixture.Setup;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each quota, from a signal in its topic to the reason of its rejection. */
class QuotaRulesTest {
    private static final String TENANT = "42";
    private static final long DAY_MS = Duration.ofDays(1).toMillis();

    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private TopologyFixture topology;

    @BeforeEach
    void start() {
        topology = TopologyFixture.in(dir).region("eu-1").segmentBytes(400).start();
    }

    @AfterEach
    void stop() {
        topology.close();
    }

    /** Starts the topology again, in another directory and with other settings. */
    private void startWith(UnaryOperator<Setup> change) {
        topology.close();
        topology = change.apply(TopologyFixture.in(dir.resolve("other"))).start();
    }

    private String verdict(long timestampMs, String... fields) {
        return topology.send(TENANT, timestampMs, fields).verdict();
    }

    @Nested
    class Periods {
        /** T0 is 2027-01-15T08:00:00Z. */
        @Test
        void anHourThatIsUsedUpRejectsWithTheTimeToItsEndAndALateSignalCountsInItsOwn() {
            topology.config(
                    TENANT, "\"periods\":[{\"per\":\"hour\",\"max_signals\":2},{\"per\":\"month\",\"max_signals\":4}]");
            assertThat(verdict(T0 + 10)).isEqualTo(ACCEPTED);
            assertThat(verdict(T0 + 3_600_000)).isEqualTo(ACCEPTED);
            assertThat(verdict(T0 + 20)).as("late, and of the hour before").isEqualTo(ACCEPTED);

            Outcome rejected = topology.send(TENANT, T0 + 30);

            assertThat(rejected.verdict()).isEqualTo("period_limit");
            assertThat(rejected.header("tidegate.limit")).isEqualTo("2");
            assertThat(rejected.header("tidegate.observed")).isEqualTo("2");
            assertThat(rejected.header("tidegate.retry_after_ms")).isEqualTo("3599970");
            assertThat(verdict(T0 + 3_600_001)).isEqualTo(ACCEPTED);
            Outcome month = topology.send(TENANT, T0 + 7_200_000);
            assertThat(month.header("tidegate.message")).contains("4 of 4 signals", "month");
        }

        /** The cache holds one tenant, so each signal of the other one writes the counts and reads them again. */
        @Test
        void theCountsAreStored() {
            startWith(setup -> setup.cachedTenants(1));
            topology.config(TENANT, "\"periods\":[{\"per\":\"day\",\"max_signals\":3}]");
            topology.config("43", "");
            for (int i = 0; i < 3; i++) {
                assertThat(verdict(T0 + i)).isEqualTo(ACCEPTED);
                assertThat(topology.send("43", T0).verdict()).isEqualTo(ACCEPTED);
            }
            assertThat(verdict(T0)).isEqualTo("period_limit");
        }
    }

    @Nested
    class Signals {
        private static final String CLICKS =
                "\"signals\":{\"click\":{\"max_signals_per_sec\":10,\"burst_signals\":20}}";

        private Outcome send(long timestampMs, String type) {
            return topology.send(TENANT, timestampMs, "\"signal\":\"" + type + "\"");
        }

        @Test
        void aValueOfSignalHasARateOfItsOwnBesideThatOfTheTenant() {
            topology.config(TENANT, "\"max_signals_per_sec\":100," + CLICKS);
            for (int i = 0; i < 10; i++) {
                assertThat(send(T0, "click").verdict()).isEqualTo(ACCEPTED);
            }
            Outcome rejected = send(T0, "click");
            assertThat(rejected.verdict()).isEqualTo("signal_rate_limited");
            assertThat(rejected.header("tidegate.limit")).isEqualTo("10");
            assertThat(rejected.header("tidegate.retry_after_ms")).isEqualTo("100");
            assertThat(rejected.header("tidegate.message")).isEqualTo("rate of signals 'click' above 10 per second");
            assertThat(send(T0, "view").verdict()).isEqualTo(ACCEPTED);
            assertThat(send(T0 + 99, "click").verdict()).isEqualTo("signal_rate_limited");
            assertThat(send(T0 + 100, "click").verdict()).isEqualTo(ACCEPTED);
        }

        /** The cache holds one tenant, so each signal of the other one writes the buckets and reads them again. */
        @Test
        void theBucketsAreStored() {
            startWith(setup -> setup.cachedTenants(1));
            topology.config(TENANT, CLICKS);
            topology.config("43", "");
            for (int i = 0; i < 10; i++) {
                assertThat(send(T0 + 1000 - i, "click").verdict())
                        .as("late signal %d", i)
                        .isEqualTo(ACCEPTED);
                assertThat(topology.send("43", T0).verdict()).isEqualTo(ACCEPTED);
            }
            assertThat(send(T0 + 1000, "click").verdict()).isEqualTo("signal_rate_limited");
        }

        @Test
        void anInvalidLimitInTheTopicLeavesTheLastGoodOneInForce() {
            topology.config(TENANT, "\"signals\":{\"click\":{\"max_signals_per_sec\":0}}");
            for (String limits : new String[] {"{\"click\":{\"max_signals_per_sec\":-1}}", "{\"click\":{}}", "[]"}) {
                topology.config(TENANT, "\"signals\":" + limits);
                assertThat(send(T0, "click").verdict()).as(limits).isEqualTo("signal_rate_limited");
            }
            topology.config(TENANT, "\"signals\":{\"click\":null}");
            assertThat(send(T0, "click").verdict()).isEqualTo("signal_rate_limited");
            topology.config(TENANT, "\"signals\":{}");
            assertThat(send(T0, "click").verdict()).isEqualTo(ACCEPTED);
        }

        @Test
        void aTypeIsLimitedInAllOfATenantsSignalsAndInNoOtherTenants() {
            topology.config(TENANT, CLICKS);
            topology.config("43", CLICKS);
            for (int i = 0; i < 10; i++) {
                assertThat(send(T0, "click").verdict()).isEqualTo(ACCEPTED);
            }
            assertThat(send(T0, "click").verdict()).isEqualTo("signal_rate_limited");
            assertThat(topology.send("43", T0, "\"signal\":\"click\"").verdict())
                    .isEqualTo(ACCEPTED);
        }

        /** With this number of ids, the envelope does not carry them, and admit parses the type again. */
        @Test
        void theTypeOfASignalThatTravelsWithoutItsIdsCounts() {
            topology.config(TENANT, "\"signals\":{\"click\":{\"max_signals_per_sec\":0}}");
            String id = "x".repeat(500);
            String[] fields = {
                "\"signal\":\"click\"",
                "\"item\":\"" + id + "\"",
                "\"user\":\"" + id + "\"",
                "\"creator\":\"" + id + "\""
            };
            assertThat(topology.send(TENANT, T0, fields).verdict()).isEqualTo("signal_rate_limited");
        }
    }

    @Nested
    class Bytes {
        private Outcome send(String tenant, long timestampMs, int valueBytes) {
            String start = "{\"tenant_id\":" + tenant + ",\"pad\":\"";
            String value = start + "x".repeat(valueBytes - start.length() - 2) + "\"}";
            return topology.send(new TestRecord<>(
                    null, bytes(value), new org.apache.kafka.common.header.internals.RecordHeaders(), timestampMs));
        }

        @Test
        void aSignalOverTheByteRateIsRejectedWithItsSizeAndTheTimeAtWhichItPasses() {
            topology.config(TENANT, "\"max_bytes_per_sec\":1000");

            assertThat(send(TENANT, T0, 900).verdict()).isEqualTo(ACCEPTED);
            Outcome rejected = send(TENANT, T0, 200);

            assertThat(rejected.verdict()).isEqualTo("byte_rate_limited");
            assertThat(rejected.header("tidegate.limit")).isEqualTo("1000");
            assertThat(rejected.header("tidegate.observed")).isEqualTo("200");
            assertThat(rejected.header("tidegate.retry_after_ms")).isEqualTo("100");
            assertThat(send(TENANT, T0 + 99, 200).verdict()).isEqualTo("byte_rate_limited");
            assertThat(send(TENANT, T0 + 100, 200).verdict()).isEqualTo(ACCEPTED);
        }

        @Test
        void aSignalLargerThanTheBucketOrTheSizeLimitIsTooLargeAndBlocksNothing() {
            topology.config(TENANT, "\"max_bytes_per_sec\":1000,\"burst_bytes\":1500");
            topology.config("43", "\"max_signal_bytes\":100");

            Outcome rejected = send(TENANT, T0, 1501);
            assertThat(rejected.verdict()).isEqualTo("signal_too_large");
            assertThat(rejected.header("tidegate.limit")).isEqualTo("1500");
            assertThat(rejected.header("tidegate.observed")).isEqualTo("1501");
            assertThat(send(TENANT, T0, 1500).verdict()).isEqualTo(ACCEPTED);
            assertThat(send("43", T0, 101).verdict()).isEqualTo("signal_too_large");
            assertThat(send("43", T0, 100).verdict()).isEqualTo(ACCEPTED);
        }

        /** The cache holds one tenant, so each signal of the other one writes the history to its store and reads it again. */
        @Test
        void lateSignalsAreJudgedByTheStoredHistoryOfBytes() {
            startWith(setup -> setup.cachedTenants(1));
            topology.config(TENANT, "\"max_bytes_per_sec\":1000");
            topology.config("43", "\"max_bytes_per_sec\":1000");
            for (int i = 0; i < 40; i++) {
                // Two partitions, the second of which is read ten seconds behind.
                assertThat(send(TENANT, T0 + 20_000 + i * 250L, 125).verdict()).isEqualTo(ACCEPTED);
                assertThat(send("43", T0, 1_000).verdict()).isEqualTo(i == 0 ? ACCEPTED : "byte_rate_limited");
                assertThat(send(TENANT, T0 + 10_000 + i * 250L, 125).verdict()).isEqualTo(ACCEPTED);
            }
            assertThat(send(TENANT, T0 + 19_000, 1_900).verdict()).isEqualTo("byte_rate_limited");
        }

        @Test
        void observeModeCountsAndAccepts() {
            topology.config(TENANT, "\"max_signal_bytes\":100,\"mode\":\"observe\"");
            assertThat(send(TENANT, T0, 101).verdict()).isEqualTo(ACCEPTED);
        }

        @Test
        void aSustainedByteRateIsReported() {
            topology.config(TENANT, "\"max_bytes_per_sec\":100");
            for (int i = 0; i <= 11; i++) {
                send(TENANT, T0 / 10_000 * 10_000 + i * 1_000L, 85);
            }
            assertThat(topology.read(TopologyFixture.QUOTA_EVENTS))
                    .extracting(event -> text(event.value()))
                    .anyMatch(event -> event.contains("\"quota\":\"byte_rate\",\"level\":80"));
        }
    }

    @Nested
    class Kinds {
        @Test
        void aNewItemIsRejectedWhereItsKindIsFullAndOtherKindsPass() {
            topology.config(TENANT, "\"max_items\":1");

            assertThat(verdict(T0, "\"item\":\"a\",\"user\":\"u\"")).isEqualTo(ACCEPTED);
            Outcome rejected = topology.send(TENANT, T0, "\"item\":\"b\"");
            assertThat(rejected.verdict()).isEqualTo("entity_limit");
            assertThat(rejected.header("tidegate.message")).contains("a new item", "1 of 1");
            assertThat(verdict(T0, "\"user\":\"v\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"item\":\"a\"")).isEqualTo(ACCEPTED);
            assertThat(topology.read(TopologyFixture.QUOTA_EVENTS))
                    .extracting(event -> text(event.value()))
                    .anyMatch(event -> event.contains("\"quota\":\"items\",\"level\":100"));
        }
    }

    @Nested
    class Rate {
        @Test
        void twoHundredSignalsAtOnceAgainstAHundredASecondSplitInHalf() {
            topology.config(TENANT, "\"max_signals_per_sec\":100");

            List<String> verdicts = topology.verdicts(200, TENANT, T0);

            assertThat(verdicts.subList(0, 100)).containsOnly(ACCEPTED);
            assertThat(verdicts.subList(100, 200)).containsOnly("burst_exceeded");
        }

        @Test
        void afterTheTimeThatIsSaidExactlyOneMorePasses() {
            topology.config(TENANT, "\"max_signals_per_sec\":100");
            topology.verdicts(100, TENANT, T0);

            assertThat(topology.send(TENANT, T0).header("tidegate.retry_after_ms"))
                    .isEqualTo("10");
            assertThat(verdict(T0 + 9)).isEqualTo("burst_exceeded");
            assertThat(topology.verdicts(2, TENANT, T0 + 10)).containsExactly(ACCEPTED, "burst_exceeded");
        }

        @Test
        void anIdleTenantSavesUpToTwoSeconds() {
            topology.config(TENANT, "\"max_signals_per_sec\":10");
            topology.send(TENANT, T0);

            List<String> verdicts = topology.verdicts(25, TENANT, T0 + DAY_MS);

            assertThat(Collections.frequency(verdicts, ACCEPTED)).isEqualTo(20);
        }

        @Test
        void anEmptyBucketIsABurstForTwoSecondsAndASustainedRateAfterwards() {
            topology.config(TENANT, "\"max_signals_per_sec\":10");
            topology.verdicts(10, TENANT, T0);

            for (long ms = 100; ms <= 3_000; ms += 100) {
                assertThat(topology.verdicts(2, TENANT, T0 + ms))
                        .as("after %d ms", ms)
                        .containsExactly(ACCEPTED, ms <= 2_000 ? "burst_exceeded" : "rate_limited");
            }
            assertThat(topology.send(TENANT, T0 + 3_000).header("tidegate.limit"))
                    .isEqualTo("10");
        }

        @Test
        void aLateSignalIsJudgedAtItsOwnTime() {
            topology.config(TENANT, "\"max_signals_per_sec\":1,\"burst_signals\":1");
            topology.send(TENANT, T0 - 60_000);
            topology.send(TENANT, T0);

            assertThat(verdict(T0 - 5_000)).isEqualTo(ACCEPTED);
            Outcome between = topology.send(TENANT, T0 - 4_500);
            assertThat(between.verdict()).isEqualTo("burst_exceeded");
            assertThat(between.header("tidegate.retry_after_ms"))
                    .as("from then on it passes at any time")
                    .isEqualTo("5500");
            assertThat(verdict(T0 + 999)).isEqualTo("burst_exceeded");
            assertThat(verdict(T0 + 1_000)).isEqualTo(ACCEPTED);
        }

        /** 300 s at nine tenths of the limit, and 20 s at half of it, in polls of eight partitions up to a minute apart. */
        @ParameterizedTest
        @CsvSource({"20, 300, 18, 50", "20, 300, 18, 1", "100, 20, 50, 1000"})
        void aBacklogWithinTheLimitIsAcceptedInWhateverOrderPartitionsAreRead(
                int limit, int seconds, int perSecond, int poll) {
            topology.config(TENANT, "\"max_signals_per_sec\":" + limit);
            int partitions = 8;
            int signals = seconds * perSecond;
            int[] next = new int[partitions];
            List<String> rejected = new ArrayList<>();
            int read = 0;
            while (read < signals) {
                long slowest = Long.MAX_VALUE;
                for (int i = 0; i < partitions; i++) {
                    int index = i + partitions * next[i];
                    slowest = index < signals ? Math.min(slowest, index * 1_000L / perSecond) : slowest;
                }
                for (int i = 0; i < partitions; i++) {
                    for (int j = 0; j < poll * (i + 1); j++) {
                        int index = i + partitions * next[i];
                        long afterMs = index * 1_000L / perSecond;
                        if (index >= signals || afterMs - slowest > 60_000) {
                            break;
                        }
                        String verdict = verdict(T0 + afterMs);
                        if (!verdict.equals(ACCEPTED)) {
                            rejected.add(verdict + " at " + afterMs);
                        }
                        next[i]++;
                        read++;
                    }
                }
            }

            assertThat(rejected).as("of %d signals", signals).isEmpty();
        }

        @Test
        void noRateIsUnlimited() {
            topology.config(TENANT, "\"max_signals_per_sec\":null");

            assertThat(topology.verdicts(500, TENANT, T0)).containsOnly(ACCEPTED);
        }

        @Test
        void aRateOfZeroRejectsAllAndWaitingDoesNotHelp() {
            topology.config(TENANT, "\"max_signals_per_sec\":0,\"burst_signals\":10");

            for (long ms : new long[] {0, 1, DAY_MS}) {
                Outcome outcome = topology.send(TENANT, T0 + ms);
                assertThat(outcome.verdict()).isEqualTo("rate_limited");
                assertThat(outcome.header("tidegate.limit")).isEqualTo("0");
                assertThat(outcome.header("tidegate.retry_after_ms")).isNull();
            }
        }

        @Test
        void aBurstOfZeroRejectsAllAndWaitingDoesNotHelp() {
            topology.config(TENANT, "\"max_signals_per_sec\":10,\"burst_signals\":0");

            for (long ms : new long[] {0, 1, DAY_MS}) {
                Outcome outcome = topology.send(TENANT, T0 + ms);
                assertThat(outcome.verdict()).isEqualTo("burst_exceeded");
                assertThat(outcome.header("tidegate.retry_after_ms")).isNull();
            }
        }

        @Test
        void theLargestRateSurvivesCenturiesOfIdleTime() {
            topology.config(TENANT, "\"max_signals_per_sec\":4294967295,\"burst_signals\":4294967295");

            assertThat(verdict(0)).isEqualTo(ACCEPTED);
            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
            assertThat(verdict(T0 + 1_000 * 365 * DAY_MS)).isEqualTo(ACCEPTED);
        }
    }

    @Nested
    class Entities {
        @ParameterizedTest
        @ValueSource(strings = {"item", "user", "creator"})
        void theLimitStrikesAtTheFirstSightOfANewOne(String kind) {
            topology.config(TENANT, "\"max_entities\":2");

            assertThat(verdict(T0, "\"" + kind + "\":\"a\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"" + kind + "\":\"b\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"" + kind + "\":\"c\"")).isEqualTo("entity_limit");
            assertThat(verdict(T0, "\"" + kind + "\":\"a\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"" + kind + "\":\"b\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
        }

        @Test
        void theThreeKindsCountTogetherAndAreNotEachOther() {
            topology.config(TENANT, "\"max_entities\":3");

            assertThat(verdict(T0, "\"item\":\"7\"", "\"user\":\"7\"", "\"creator\":\"7\""))
                    .isEqualTo(ACCEPTED);
            assertThat(topology.send(TENANT, T0, "\"item\":\"8\"").header("tidegate.observed"))
                    .isEqualTo("3");
            assertThat(verdict(T0, "\"creator\":\"7\"", "\"item\":\"7\"")).isEqualTo(ACCEPTED);
        }

        @Test
        void anIntegerAndItsTextAreOneEntity() {
            topology.config(TENANT, "\"max_entities\":1");

            assertThat(verdict(T0, "\"item\":7")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"item\":\"7\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"item\":\"\\u0037\"")).isEqualTo(ACCEPTED);
        }

        @Test
        void aRejectedSignalAddsNoneOfItsEntities() {
            topology.config(TENANT, "\"max_entities\":2");
            verdict(T0, "\"item\":\"a\"");

            assertThat(verdict(T0, "\"item\":\"b\"", "\"user\":\"u\"")).isEqualTo("entity_limit");
            assertThat(verdict(T0, "\"user\":\"u\"")).isEqualTo(ACCEPTED);
            assertThat(verdict(T0, "\"item\":\"b\"")).isEqualTo("entity_limit");
        }

        @Test
        void aRejectedSignalCostsNoToken() {
            topology.config(TENANT, "\"max_entities\":0,\"max_signals_per_sec\":1,\"burst_signals\":1");

            assertThat(topology.verdicts(5, TENANT, T0, "\"item\":\"a\"")).containsOnly("entity_limit");
            assertThat(topology.verdicts(2, TENANT, T0)).containsExactly(ACCEPTED, "burst_exceeded");
        }

        @Test
        void aSignalRejectedForItsRateAddsNoEntity() {
            topology.config(TENANT, "\"max_entities\":1,\"max_signals_per_sec\":1,\"burst_signals\":1");
            verdict(T0);

            assertThat(verdict(T0, "\"item\":\"a\"")).isEqualTo("burst_exceeded");
            assertThat(verdict(T0 + 1_000, "\"item\":\"b\"")).isEqualTo(ACCEPTED);
        }

        @Test
        void aLimitOfZeroRejectsEverySignalThatNamesAnEntity() {
            topology.config(TENANT, "\"max_entities\":0");

            assertThat(verdict(T0, "\"user\":1")).isEqualTo("entity_limit");
            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
        }

        @Test
        void noLimitIsUnlimited() {
            topology.config(TENANT, "\"max_entities\":null");

            for (int i = 0; i < 300; i++) {
                assertThat(verdict(T0, "\"item\":" + i)).isEqualTo(ACCEPTED);
            }
        }

        @Test
        void theLargestLimitIsNotNegative() {
            topology.config(TENANT, "\"max_entities\":18446744073709551615,\"max_storage_bytes\":18446744073709551615");

            assertThat(verdict(T0, "\"item\":1")).isEqualTo(ACCEPTED);
        }

        @Test
        void aLowerLimitRejectsOnlyNewOnes() {
            topology.config(TENANT, "\"max_entities\":3");
            verdict(T0, "\"item\":1", "\"user\":1", "\"creator\":1");

            topology.config(TENANT, "\"max_entities\":1");

            assertThat(verdict(T0, "\"item\":1", "\"user\":1", "\"creator\":1")).isEqualTo(ACCEPTED);
            Outcome rejected = topology.send(TENANT, T0, "\"item\":2");
            assertThat(rejected.verdict()).isEqualTo("entity_limit");
            assertThat(rejected.header("tidegate.limit")).isEqualTo("1");
            assertThat(rejected.header("tidegate.observed")).isEqualTo("3");
        }
    }

    @Nested
    class Storage {
        /** Sends until a segment is sealed; returns its record bytes. */
        private long seal() {
            for (int i = 0; i < 50; i++) {
                long before = sealedBytes();
                assertThat(verdict(T0)).isEqualTo(ACCEPTED);
                if (sealedBytes() > before) {
                    return sealedBytes() - before;
                }
            }
            throw new AssertionError("50 signals did not fill a segment of 400 bytes");
        }

        private long sealedBytes() {
            long sealed = 0;
            for (TestRecord<byte[], byte[]> usage : topology.readChangelog("usage")) {
                usages.put(text(usage.key()), usage.value());
            }
            for (byte[] usage : usages.values()) {
                sealed += TenantUsage.read(usage).sealedBytes();
            }
            return sealed;
        }

        private final Map<String, byte[]> usages = new HashMap<>();

        private String observed() {
            Outcome outcome = topology.send(TENANT, T0);
            assertThat(outcome.verdict()).isEqualTo("storage_limit");
            assertThat(outcome.header("tidegate.retry_after_ms")).isNull();
            return String.valueOf(outcome.header("tidegate.observed"));
        }

        @Test
        void theReportOfASealedSegmentIsOfItsRecords() {
            topology.config(TENANT, "");
            long bytes = seal();
            long records = topology.wal(TENANT).size();
            assertThat(topology.read(WAL_SEGMENTS)).isEmpty();

            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
            topology.awaitReports();

            TestRecord<byte[], byte[]> written = topology.read(WAL_SEGMENTS).get(0);
            SegmentReport report = SegmentReport.parse(written.value());
            assertThat(text(written.key())).isEqualTo("42:0");
            assertThat(report.bytes()).isEqualTo(bytes);
            assertThat(report.firstSeq()).isZero();
            assertThat(report.lastSeq()).isEqualTo(records - 1);
            assertThat(report.records()).isEqualTo(records);
            assertThat(report.crc()).matches("[0-9a-f]{8}");
            assertThat(report.sealedAt()).isEqualTo(Instant.ofEpochMilli(T0).toString());
            assertThat(report.instance()).isEqualTo("test-instance");
            assertThat(report.region()).isEqualTo("eu-1");
            assertThat(written.timestamp()).isEqualTo(T0);
        }

        @Test
        void aQuotaOf256KiBRejectsSoonAfter256KiB() {
            startWith(setup -> setup.segmentBytes(64 * 1024 * 1024));
            topology.config(TENANT, "\"max_storage_bytes\":262144");
            String pad = "\"pad\":\"" + "x".repeat(4_000) + "\"";
            int accepted = 0;
            while (accepted < 1_000 && verdict(T0, pad).equals(ACCEPTED)) {
                accepted++;
            }

            long stored = topology.wal(TENANT).stream()
                    .mapToLong(record -> record.ownBytes())
                    .sum();
            assertThat(stored).isBetween(262_144L, 262_144L + 32_768 + 5_000);
            assertThat(observed()).isEqualTo(Long.toString(stored));
        }

        @Test
        void aLargerQuotaHasSegmentsOfTheConfiguredSize() {
            topology.config(TENANT, "\"max_storage_bytes\":1000000000");

            assertThat(seal()).isBetween(400L, 1_000L);
        }

        @Test
        void theQuotaIsJudgedWhenASegmentIsSealed() {
            topology.config(TENANT, "\"max_storage_bytes\":1");

            long bytes = seal();

            Outcome rejected = topology.send(TENANT, T0);
            assertThat(rejected.verdict()).isEqualTo("storage_limit");
            assertThat(rejected.header("tidegate.limit")).isEqualTo("1");
            assertThat(rejected.header("tidegate.observed")).isEqualTo(Long.toString(bytes));
        }

        @Test
        void moreThanOneSegmentCanFit() {
            topology.config(TENANT, "");
            long first = seal();
            topology.config(TENANT, "\"max_storage_bytes\":" + (first + 1));

            long second = seal();

            assertThat(observed()).isEqualTo(Long.toString(first + second));
        }

        @Test
        void aSegmentIsSealedByAgeInRecordTimeToo() {
            startWith(setup -> setup.segmentAge(Duration.ofMinutes(10)));
            topology.config(TENANT, "\"max_storage_bytes\":1");

            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
            assertThat(verdict(T0 + 599_999)).isEqualTo(ACCEPTED);
            assertThat(verdict(T0 + 600_000)).isEqualTo(ACCEPTED);

            topology.awaitReports();
            List<TestRecord<byte[], byte[]>> reports = topology.read(WAL_SEGMENTS);
            assertThat(reports).hasSize(1);
            assertThat(SegmentReport.parse(reports.get(0).value()).lastSeq()).isEqualTo(1);
            assertThat(verdict(T0 + 600_000)).isEqualTo("storage_limit");
        }

        @Test
        void aLimitOfZeroRejectsAll() {
            topology.config(TENANT, "\"max_storage_bytes\":0");

            assertThat(observed()).isEqualTo("0");
        }

        /** {@code wal-segments} only reports: a record written to it changes no quota. */
        @ParameterizedTest
        @CsvSource(
                delimiter = ';',
                nullValues = "null",
                value = {
                    "42:0;null",
                    "42:0;{\"bytes\":12345,\"first_seq\":0,\"last_seq\":0}",
                    "42:5000000;{\"bytes\":1000000000000,\"first_seq\":5000000,\"last_seq\":5000001}",
                    "42:6000000;{\"bytes\":9223372036854775807,\"first_seq\":6000000,\"last_seq\":6000001}",
                    "77777:0;{\"bytes\":5,\"first_seq\":0,\"last_seq\":0}",
                    "garbage;not JSON",
                })
        void aStrangersReportChangesNothing(String key, String value) {
            topology.config(TENANT, "\"max_storage_bytes\":1");
            seal();
            String before = observed();

            for (int twice = 0; twice < 2; twice++) {
                assertThatThrownBy(() -> topology.pipe(
                                WAL_SEGMENTS,
                                record(value == null ? null : bytes(value))
                                        .key(key)
                                        .now()))
                        .as("no stage reads the topic")
                        .isInstanceOf(IllegalArgumentException.class);
            }

            assertThat(observed()).isEqualTo(before);
        }

        @Test
        void aFullTenantGoesOnWhenItsLimitIsRaised() {
            topology.config(TENANT, "\"max_storage_bytes\":1");
            seal();
            observed();

            topology.config(TENANT, "\"max_storage_bytes\":1000000");

            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
        }
    }

    @Nested
    class OtherRules {
        @Test
        void aBlockedTenantIsRejectedUntilTheInstant() {
            topology.config(TENANT, "\"blocked_until\":\"" + Instant.ofEpochMilli(T0) + "\"");

            assertThat(topology.send(TENANT, T0 - DAY_MS).header("tidegate.retry_after_ms"))
                    .isEqualTo(Long.toString(DAY_MS));
            assertThat(verdict(T0 - 1)).isEqualTo("tenant_blocked");
            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
        }

        @Test
        void aTenantIsAcceptedOnlyInARegionOfItsOwn() {
            topology.config(TENANT, "\"required_regions\":[\"us-1\",\"us-2\"]");
            assertThat(verdict(T0)).isEqualTo("region_not_allowed");

            topology.config(TENANT, "\"required_regions\":[\"us-1\",\"eu-1\"]");
            assertThat(verdict(T0)).isEqualTo(ACCEPTED);
        }

        @Test
        void anInstanceWithoutARegionIsInNoRequiredRegion() {
            startWith(setup -> setup);
            topology.config(TENANT, "\"required_regions\":[\"eu-1\"]");
            topology.config("7", "\"required_regions\":[]");

            Outcome rejected = topology.send(TENANT, T0);

            assertThat(rejected.verdict()).isEqualTo("region_not_allowed");
            assertThat(rejected.header("tidegate.retry_after_ms")).isNull();
            assertThat(topology.send("7", T0).verdict()).isEqualTo(ACCEPTED);
        }

        /** Each config removes the cause of the previous rejection, so that the next check in order rejects the signal. */
        @Test
        void theChecksRunInTheirOrder() {
            String blocked = "\"blocked_until\":\"" + Instant.ofEpochMilli(T0 + 1) + "\",";
            String elsewhere = "\"required_regions\":[\"us-1\"],";
            String full = "\"max_storage_bytes\":0,";
            String slow = "\"max_signals_per_sec\":0,";
            String crowded = "\"max_entities\":0";

            topology.config(TENANT, blocked + elsewhere + full + slow + crowded);
            assertThat(verdict(T0, "\"item\":1")).isEqualTo("tenant_blocked");
            topology.config(TENANT, elsewhere + full + slow + crowded);
            assertThat(verdict(T0, "\"item\":1")).isEqualTo("region_not_allowed");
            topology.config(TENANT, full + slow + crowded);
            assertThat(verdict(T0, "\"item\":1")).isEqualTo("storage_limit");
            topology.config(TENANT, slow + crowded);
            assertThat(verdict(T0, "\"item\":1")).isEqualTo("rate_limited");
            topology.config(TENANT, crowded);
            assertThat(verdict(T0, "\"item\":1")).isEqualTo("entity_limit");
            topology.config(TENANT, "");
            assertThat(verdict(T0, "\"item\":1")).isEqualTo(ACCEPTED);
        }

        @Test
        void observeModeAcceptsWhatEveryQuotaWouldReject() {
            for (String quota : new String[] {
                "\"required_regions\":[\"us-1\"]",
                "\"max_storage_bytes\":0",
                "\"max_signals_per_sec\":0",
                "\"max_entities\":0"
            }) {
                topology.config(TENANT, quota);
                assertThat(verdict(T0, "\"item\":\"new with " + quota.length() + "\""))
                        .as(quota)
                        .isNotEqualTo(ACCEPTED);
                topology.config(TENANT, quota + ",\"mode\":\"observe\"");
                assertThat(verdict(T0, "\"item\":\"new with " + quota.length() + "\""))
                        .as(quota)
                        .isEqualTo(ACCEPTED);
            }
        }

        @Test
        void aBlockHoldsInObserveMode() {
            topology.config(TENANT, "\"blocked_until\":\"2100-01-01T00:00:00Z\",\"mode\":\"observe\"");
            assertThat(verdict(T0)).isEqualTo("tenant_blocked");
        }

        @Test
        void whatAnObservedTenantUsesCountsWhenItsQuotaIsEnforced() {
            String quota = "\"max_entities\":1,\"max_signals_per_sec\":2,\"burst_signals\":2";
            topology.config(TENANT, quota + ",\"mode\":\"observe\"");
            assertThat(topology.verdicts(5, TENANT, T0, "\"item\":1", "\"user\":1"))
                    .containsOnly(ACCEPTED);

            topology.config(TENANT, quota);

            assertThat(verdict(T0)).isEqualTo("burst_exceeded");
            Outcome rejected = topology.send(TENANT, T0 + 1_000, "\"item\":2");
            assertThat(rejected.verdict()).isEqualTo("entity_limit");
            assertThat(rejected.header("tidegate.observed")).isEqualTo("2");
            assertThat(verdict(T0 + 1_000, "\"item\":1")).isEqualTo(ACCEPTED);
        }

        @Test
        void anUnknownTenantIsRejectedAndTheDefaultTenantIsUnlimited() {
            assertThat(topology.verdicts(3, TENANT, T0)).containsOnly("tenant_unknown");
            assertThat(topology.verdicts(300, "0", T0, "\"item\":1")).containsOnly(ACCEPTED);
            assertThat(topology.wal(TENANT)).isEmpty();
        }

        @Test
        void unknownTenantsCanEachGetTheDefaultTenantsConfig() {
            startWith(setup -> setup.unknown(UnknownTenants.DEFAULT_CONFIG));
            assertThat(topology.verdicts(10, TENANT, T0)).containsOnly(ACCEPTED);

            topology.config("9", "");
            topology.config("0", "\"max_signals_per_sec\":1,\"burst_signals\":1");

            assertThat(topology.verdicts(2, TENANT, T0)).containsExactly(ACCEPTED, "burst_exceeded");
            Outcome rejected = topology.send("7", T0 + 1);
            assertThat(rejected.verdict()).isEqualTo(ACCEPTED);
            rejected = topology.send("7", T0 + 1);
            assertThat(rejected.verdict()).isEqualTo("burst_exceeded");
            assertThat(rejected.header("tidegate.tenant")).isEqualTo("7");
            assertThat(rejected.header("tidegate.config_offset")).isEqualTo("1");
            assertThat(topology.verdicts(3, "9", T0)).containsOnly(ACCEPTED);
        }
    }
}
