package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.Residency;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantSource;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.ReplayJudge.Candidate;
import io.tidegate.tools.ReplayJudge.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ReplayJudgeTest {
    private static final long NOW_MS = 1_800_000_000_000L;
    private static final TenantId T42 = TenantId.of(42);

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static ReplayJudge judge(@Nullable String fields, Residency residency) {
        return judge(fields, residency, UsageSnapshot.empty(any -> true));
    }

    private static ReplayJudge judge(@Nullable String fields, Residency residency, UsageSnapshot usages) {
        TenantConfig config = fields == null ? null : TenantConfigJson.parse(bytes("{\"tenant_id\":42" + fields + "}"));
        return judge(config, residency, usages);
    }

    private static ReplayJudge judge(@Nullable TenantConfig config, Residency residency, UsageSnapshot usages) {
        return new ReplayJudge(
                TenantSource.VALUE,
                SignalReader.ofDefault(),
                name -> name.equals("acme") ? T42 : null,
                false,
                tenant -> tenant.equals(T42) ? config : null,
                usages,
                "eu",
                residency);
    }

    @Test
    void aTenantWithoutALimitOfItsPlanIsJudgedByTheOtherLimits() {
        TenantConfig plan = TenantConfigJson.parse(bytes("{\"tenant_id\":0,\"max_bytes_per_sec\":10}"));
        TenantConfig config = TenantConfigJson.parse(
                        bytes("{\"tenant_id\":42,\"plan\":\"pro\",\"max_signal_bytes\":\"unlimited\"}"))
                .completedBy(plan);
        ReplayJudge judge = judge(config, Residency.NONE, UsageSnapshot.empty(any -> true));

        assertThat(verdict(judge, "{\"tenant_id\":42}").stillRejected()).isNull();
        assertThat(verdict(judge, "{\"tenant_id\":42,\"item\":\"abc\"}").stillRejected())
                .as("larger than the burst")
                .isEqualTo("signal_too_large");
    }

    private static Verdict verdict(ReplayJudge judge, String value) {
        return verdict(judge, value, "rate_limited");
    }

    private static Verdict verdict(ReplayJudge judge, String value, String reason) {
        return judge.judge(
                new Candidate(
                        new SourcePosition("signals", 0, 1),
                        new ConsumerRecord<>("quota-exceeded", 0, 0, null, bytes(value)),
                        new RecordHeaders(),
                        reason),
                NOW_MS);
    }

    private static @Nullable String stillRejected(@Nullable String fields) {
        return verdict(judge(fields, Residency.NONE), "{\"tenant_id\":42,\"item\":\"a\"}")
                .stillRejected();
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            delimiter = '|',
            value = {
                "''|-",
                ",\"max_signals_per_sec\":1|-",
                ",\"max_signals_per_sec\":0|rate_limited",
                ",\"max_signals_per_sec\":5,\"burst_signals\":0|burst_exceeded",
                ",\"max_entities\":0|entity_limit",
                ",\"max_entities\":1|-",
                ",\"max_items\":0|entity_limit",
                ",\"max_items\":1,\"max_users\":0|-",
                ",\"max_bytes_per_sec\":0|byte_rate_limited",
                ",\"max_bytes_per_sec\":1,\"burst_bytes\":27|-",
                ",\"max_bytes_per_sec\":1,\"burst_bytes\":26|signal_too_large",
                ",\"max_signal_bytes\":26|signal_too_large",
                ",\"max_signal_bytes\":27|-",
                ",\"periods\":[{\"per\":\"month\",\"max_signals\":0}]|period_limit",
                ",\"periods\":[{\"per\":\"month\",\"max_bytes\":26}]|period_limit",
                ",\"periods\":[{\"per\":\"month\",\"max_bytes\":27}]|-",
                ",\"signals\":{\"click\":{\"max_signals_per_sec\":0}}|-",
                ",\"max_storage_bytes\":0|storage_limit",
                ",\"max_storage_bytes\":1|-",
                ",\"blocked_until\":\"2100-01-01T00:00:00Z\"|tenant_blocked",
                ",\"blocked_until\":\"2020-01-01T00:00:00Z\"|-",
                ",\"required_regions\":[\"us\"]|region_not_allowed",
                ",\"required_regions\":[\"us\",\"eu\"]|-",
                ",\"max_entities\":0,\"max_signals_per_sec\":0,\"mode\":\"observe\"|-",
                "-|tenant_unknown"
            })
    void namesTheReasonThatStillApplies(@Nullable String fields, @Nullable String expected) {
        assertThat(stillRejected(fields)).isEqualTo(expected);
    }

    @Test
    void aTypeOfSignalsThatIsLimitedToNothingStaysRejected() {
        for (String limit : List.of("0", "5,\"burst_signals\":0")) {
            ReplayJudge judge =
                    judge(",\"signals\":{\"click\":{\"max_signals_per_sec\":%s}}".formatted(limit), Residency.NONE);
            assertThat(verdict(judge, "{\"tenant_id\":42,\"signal\":\"click\"}").stillRejected())
                    .isEqualTo("signal_rate_limited");
            assertThat(verdict(judge, "{\"tenant_id\":42,\"signal\":\"view\"}").stillRejected())
                    .isNull();
        }
        ReplayJudge waits = judge(",\"signals\":{\"click\":{\"max_signals_per_sec\":1}}", Residency.NONE);
        for (int i = 0; i < 5; i++) {
            assertThat(verdict(waits, "{\"tenant_id\":42,\"signal\":\"click\"}").stillRejected())
                    .as("its pace is that of the tenant, as with other rates")
                    .isNull();
        }
    }

    @Test
    void onlyAsManySignalsPassAsFitThePeriod() {
        ReplayJudge judge = judge(",\"periods\":[{\"per\":\"month\",\"max_signals\":2}]", Residency.NONE);

        assertThat(verdict(judge, "{\"tenant_id\":42}").stillRejected()).isNull();
        assertThat(verdict(judge, "{\"tenant_id\":42}").stillRejected()).isNull();
        assertThat(verdict(judge, "{\"tenant_id\":42}").stillRejected()).isEqualTo("period_limit");
    }

    @Test
    void aSignalThatWouldBeADeadLetterNowIsNotSent() {
        ReplayJudge judge = judge("", Residency.NONE);

        assertThat(verdict(judge, "{\"tenantId\":42}").stillRejected()).isEqualTo("tenant_missing");
        assertThat(verdict(judge, "not json").stillRejected()).isEqualTo("malformed");
    }

    @Test
    void aSignalThatIsForwardedToAnotherRegionPasses() {
        Residency residency = new Residency("eu", Map.of("eu", "signals", "us", "signals-us"));

        assertThat(verdict(judge(",\"required_regions\":[\"us\"],\"max_entities\":0", residency), "{\"tenant_id\":42}")
                        .stillRejected())
                .isNull();
    }

    @Test
    void onlyAsManyNewEntitiesPassAsFindRoom() {
        ReplayJudge judge = judge(",\"max_entities\":2", Residency.NONE);
        List<String> verdicts = new ArrayList<>();

        for (String item : List.of("a", "b", "a", "c", "b", "d")) {
            verdicts.add(String.valueOf(verdict(judge, "{\"tenant_id\":42,\"item\":\"%s\"}".formatted(item))
                    .stillRejected()));
        }

        assertThat(verdicts).containsExactly("null", "null", "null", "entity_limit", "null", "entity_limit");
    }

    @Test
    void onlyAsManyBytesPassAsFindRoom() {
        String value = "{\"tenant_id\":42}";
        ReplayJudge judge = judge(",\"max_storage_bytes\":" + (2 * value.length() - 1), Residency.NONE);

        assertThat(verdict(judge, value).stillRejected()).isNull();
        assertThat(verdict(judge, value).stillRejected()).isNull();
        assertThat(verdict(judge, value).stillRejected()).isEqualTo("storage_limit");
    }

    @Test
    void aNamePassesOnlyOnceATenantHasIt() {
        ReplayJudge judge = judge("", Residency.NONE);

        assertThat(verdict(judge, "{\"tenant_id\":\"acme\"}")).isEqualTo(new Verdict(T42, null));
        assertThat(verdict(judge, "{\"tenant_id\":\"globex\"}")).isEqualTo(new Verdict(null, "tenant_unknown"));
    }

    private static final String USAGE_LIMITS =
            ",\"max_entities\":5,\"max_storage_bytes\":500,\"periods\":[{\"per\":\"day\",\"max_signals\":5}]";

    @ParameterizedTest
    @CsvSource({"entity_limit", "storage_limit", "period_limit"})
    void aTenantWithUnknownUsageKeepsItsLimits(String reason) {
        UsageSnapshot full = new UsageSnapshot(any -> true, 1);
        full.put(TenantId.of(1), TenantUsage.fresh(0, 0));
        UsageSnapshot cut = new UsageSnapshot(any -> true, 1);
        cut.put(TenantId.of(1), TenantUsage.fresh(0, 0));
        cut.put(TenantId.of(2), TenantUsage.fresh(0, 0));
        cut.put(TenantId.of(1), null);
        UsageSnapshot ofAnother = UsageSnapshot.empty(TenantId.of(1)::equals);

        for (UsageSnapshot usages : List.of(full, cut, ofAnother)) {
            ReplayJudge judge = judge(USAGE_LIMITS, Residency.NONE, usages);
            assertThat(verdict(judge, "{\"tenant_id\":42,\"item\":\"a\"}", reason)
                            .stillRejected())
                    .isEqualTo(reason);
            assertThat(verdict(judge, "{\"tenant_id\":42,\"item\":\"a\"}").stillRejected())
                    .isNull();
        }
    }

    @Test
    void aSignalPassesIfItsTenantHasNoUsageOrTheLimitIsGone() {
        UsageSnapshot others = new UsageSnapshot(any -> true, 2);
        others.put(TenantId.of(1), TenantUsage.fresh(0, 0));
        String signal = "{\"tenant_id\":42,\"item\":\"a\"}";

        assertThat(verdict(judge(USAGE_LIMITS, Residency.NONE, others), signal, "entity_limit")
                        .stillRejected())
                .isNull();
        assertThat(verdict(
                                judge(",\"max_items\":1", Residency.NONE, new UsageSnapshot(any -> true, 0)),
                                signal,
                                "storage_limit")
                        .stillRejected())
                .isNull();
    }
}
