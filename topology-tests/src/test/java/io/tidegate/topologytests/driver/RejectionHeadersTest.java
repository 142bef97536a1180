package io.tidegate.topologytests.driver;

import static io.tidegate.topologytests.driver.TopologyFixture.BY_TENANT;
import static io.tidegate.topologytests.driver.TopologyFixture.T0;
import static io.tidegate.topologytests.driver.TopologyFixture.lines;
import static io.tidegate.topologytests.driver.TopologyFixture.record;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.EnvelopeWriter;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.driver.TopologyFixture.Draft;
import io.tidegate.topologytests.driver.TopologyFixture.Outcome;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The headers of rejected records: exactly these, and set, not appended. */
class RejectionHeadersTest {
    @TempDir(factory = MemoryDir.class)
    private Path dir;

    private TopologyFixture topology;

    @BeforeEach
    void start() {
        topology = TopologyFixture.in(dir).start();
    }

    @AfterEach
    void stop() {
        topology.close();
    }

    @Test
    void anEmptyBucketNamesTheLimitAndWhenToRetry() {
        topology.config("5", "");
        topology.config("42", "\"max_signals_per_sec\":4,\"burst_signals\":1");
        topology.send("42", T0);

        assertThat(lines(topology.send("42", T0 + 100).record().headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=burst_exceeded",
                        "tidegate.tenant=42",
                        "tidegate.message=burst above 1 signals",
                        "tidegate.limit=1",
                        "tidegate.retry_after_ms=150",
                        "tidegate.retryable=true",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=1",
                        "tidegate.config_offset=1");
    }

    @Test
    void aFullEntitySetNamesTheLimitAndTheCountAndNotWhenToRetry() {
        topology.config("42", "\"max_entities\":1");
        topology.send("42", T0, "\"item\":\"a\"");

        assertThat(lines(topology.send("42", T0, "\"item\":\"b\"").record().headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=entity_limit",
                        "tidegate.tenant=42",
                        "tidegate.message=the signal names a new entity, and 1 of 1 are in use",
                        "tidegate.limit=1",
                        "tidegate.observed=1",
                        "tidegate.retryable=true",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=1",
                        "tidegate.config_offset=0");
    }

    @Test
    void aBlockedTenantsRejectionNamesTheEndOfTheBlock() {
        topology.config("42", "\"blocked_until\":\"" + Instant.ofEpochMilli(T0 + 5_000) + "\"");

        assertThat(lines(topology.send("42", T0 + 1).record().headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=tenant_blocked",
                        "tidegate.tenant=42",
                        "tidegate.message=the tenant is blocked",
                        "tidegate.retry_after_ms=4999",
                        "tidegate.retryable=true",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=0",
                        "tidegate.config_offset=0");
    }

    @Test
    void anUnknownTenantHasNoConfigOffset() {
        assertThat(lines(topology.send("42", T0).record().headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=tenant_unknown",
                        "tidegate.tenant=42",
                        "tidegate.message=the tenant has no config",
                        "tidegate.retryable=true",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=0");
    }

    @Test
    void aDeadLetterNamesItsDefectAndIsNotRetryable() {
        topology.send("0", T0);

        assertThat(lines(topology.send(record("{\"tenant_id\":42,").now())
                        .record()
                        .headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=malformed",
                        "tidegate.message=the value is not valid JSON in UTF-8",
                        "tidegate.retryable=false",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=1");
    }

    @Test
    void aWrongTenantIdIsNotRepeatedInAHeader() {
        assertThat(lines(topology.send(record("{\"tenant_id\":\"../../etc\"}").now())
                        .record()
                        .headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=tenant_invalid",
                        "tidegate.message=the field 'tenant_id' is neither an integer from 0 to 2^64-1 nor a name",
                        "tidegate.retryable=false",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=0");
    }

    private static Draft forged(String value) {
        Draft draft = record(value);
        for (String name : new String[] {
            "reason",
            "tenant",
            "message",
            "limit",
            "observed",
            "retry_after_ms",
            "retryable",
            "source.topic",
            "source.partition",
            "source.offset",
            "config_offset",
            "truncated_from_bytes",
            "source",
            "key",
            "command_id",
            "by",
            "history",
            "of_the_future"
        }) {
            draft.header("tidegate." + name, "forged").header("tidegate." + name, "forged again");
        }
        return draft;
    }

    @Test
    void headersThatAProducerForgedOnARejectedSignalAreReplaced() {
        assertThat(lines(topology.send(forged("{\"tenant_id\":42}").now())
                        .record()
                        .headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=tenant_unknown",
                        "tidegate.tenant=42",
                        "tidegate.message=the tenant has no config",
                        "tidegate.retryable=true",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=0");
    }

    @Test
    void headersThatAProducerForgedOnADeadLetterAreReplaced() {
        assertThat(lines(topology.send(forged("[]").key("k").now()).record().headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=malformed",
                        "tidegate.message=the value is not a JSON object",
                        "tidegate.retryable=false",
                        "tidegate.source.topic=signals",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=0");
    }

    @Test
    void theNumberOfReplaysSurvivesAnotherRejection() {
        Outcome again = topology.send(
                record("{\"tenant_id\":42}").header("tidegate.replays", "3").now());

        assertThat(again.header("tidegate.replays")).isEqualTo("3");
    }

    @Test
    void theConfigOffsetIsThatOfTheRecordInForce() {
        topology.config("7", "");
        topology.config("42", "\"max_signals_per_sec\":0");
        topology.configRecord(TopologyFixture.bytes("42"), TopologyFixture.bytes("broken"));
        topology.config("7", "\"label\":\"x\"");

        assertThat(topology.send("42", T0).header("tidegate.config_offset")).isEqualTo("1");

        topology.config("42", "\"max_signals_per_sec\":0,\"label\":\"again\"");

        assertThat(topology.send("42", T0).header("tidegate.config_offset")).isEqualTo("4");
    }

    /** The topic between the stages is an ordinary one, so another program may write to it. */
    @Test
    void aForeignRecordBetweenTheStagesIsADeadLetterFromThere() {
        topology.config("42", "");
        RoutedSignal bad = new RoutedSignal(
                TenantId.of(42),
                T0,
                new SourcePosition("signals", 3, 9),
                null,
                new Header[0],
                TopologyFixture.bytes("no JSON"),
                null);
        EnvelopeWriter writer = new EnvelopeWriter();
        writer.add(bad);
        byte[] envelope = writer.take();

        Outcome noEnvelope =
                topology.send(BY_TENANT, record("{\"tenant_id\":42}").key("42").now());
        Outcome truncated = topology.send(
                BY_TENANT, new TestRecord<>(null, Arrays.copyOf(envelope, envelope.length - 1), null, T0));
        Outcome badValue = topology.send(BY_TENANT, new TestRecord<>(null, envelope, null, T0));

        assertThat(lines(noEnvelope.record().headers()))
                .containsExactlyInAnyOrder(
                        "tidegate.reason=malformed",
                        "tidegate.message=an envelope of version 123, and this Tidegate reads versions 1 to 2",
                        "tidegate.retryable=false",
                        "tidegate.source.topic=signals-by-tenant",
                        "tidegate.source.partition=0",
                        "tidegate.source.offset=0");
        assertThat(noEnvelope.key()).isEqualTo("42");
        assertThat(truncated.verdict()).isEqualTo("malformed");
        assertThat(truncated.header("tidegate.message")).contains("is truncated at byte");
        assertThat(truncated.header("tidegate.source.topic")).isEqualTo(BY_TENANT);
        assertThat(badValue.verdict()).isEqualTo("malformed");
        assertThat(badValue.header("tidegate.tenant")).isEqualTo("42");
        assertThat(badValue.header("tidegate.source.partition")).isEqualTo("3");
    }
}
