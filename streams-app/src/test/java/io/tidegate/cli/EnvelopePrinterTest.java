package io.tidegate.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.contract.EnvelopeWriter;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantId;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EnvelopePrinterTest {
    private static final int ENOUGH = 100;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private EnvelopePrinter printer(boolean json, @Nullable TenantId tenant, long max) {
        return new EnvelopePrinter(
                OutputOptions.of(json ? OutputOptions.Format.JSON : OutputOptions.Format.TABLE),
                tenant,
                max,
                new PrintWriter(out, true),
                new PrintWriter(err, true));
    }

    private static RoutedSignal signal(long tenant, long offset, String value, @Nullable Signal parsed) {
        return new RoutedSignal(
                TenantId.of(tenant),
                1_700_000_000_000L + offset,
                new SourcePosition("signals", 3, offset),
                new byte[] {(byte) 0xff},
                new Header[] {new RecordHeader("trace", "1".getBytes(UTF_8))},
                value.getBytes(UTF_8),
                parsed);
    }

    private static byte[] envelope(RoutedSignal... signals) {
        EnvelopeWriter writer = new EnvelopeWriter();
        List.of(signals).forEach(writer::add);
        return writer.take();
    }

    private static ConsumerRecord<byte[], byte[]> record(long offset, byte @Nullable [] value) {
        return new ConsumerRecord<>("signals-by-tenant", 5, offset, null, value);
    }

    private static byte[] sample() {
        return envelope(
                signal(7, 10, "{\"n\":1}", new Signal(TenantId.of(7), "i", null, "c")),
                signal(-1, 11, "steer \u001b[2J the\nterminal", null));
    }

    private List<JsonNode> lines() {
        return out.toString()
                .lines()
                .map(line -> Json.tree(line.getBytes(UTF_8)))
                .toList();
    }

    @Test
    void aTableHasALineForEachSignalWithItsPlaceAndItsSource() {
        EnvelopePrinter printer = printer(false, null, ENOUGH);
        printer.begin();
        printer.print(record(42, sample()));

        assertThat(printer.end()).isEqualTo(ExitCodes.OK);
        List<String> rows = out.toString().lines().toList();
        assertThat(rows).hasSize(3);
        assertThat(rows.get(0)).matches(" *PARTITION +OFFSET +INDEX +TIME +TENANT +SOURCE +VALUE");
        assertThat(rows.get(1)).matches(" *5 +42 +0 +2023-11-14T22:13:20.010Z +7 +signals/3/10 +\\{\"n\":1}");
        assertThat(rows.get(2))
                .matches(" *5 +42 +1 +\\S+ +18446744073709551615 +signals/3/11 +steer ·\\[2J the·terminal");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void jsonHasAllThatAnEnvelopeCarries() {
        EnvelopePrinter printer = printer(true, null, ENOUGH);
        printer.begin();
        printer.print(record(42, sample()));

        assertThat(lines().get(0)).isEqualTo(Json.tree("""
                {"topic":"signals-by-tenant","partition":5,"offset":42,"index":0,"tenant_id":7,
                 "timestamp":"2023-11-14T22:13:20.010Z","source":"signals/3/10","parsed":true,"type":null,"items":["i"],"users":[],
                 "creators":["c"],"key_hex":"ff","value":"{\\"n\\":1}","headers":[{"name":"trace","value":"1"}]}
                """.getBytes(UTF_8)));
        assertThat(lines().get(1).get("parsed").asBoolean(true)).isFalse();
        assertThat(lines().get(1).has("items")).isFalse();
        assertThat(lines().get(1).get("tenant_id").bigIntegerValue()).isEqualTo("18446744073709551615");
        assertThat(out.toString()).doesNotContain("\u001b");
    }

    @Test
    void onlyOneTenantsSignalsAndNotMoreThanAskedFor() {
        EnvelopePrinter printer = printer(true, TenantId.of(7), 1);
        printer.print(record(1, envelope(signal(8, 1, "{}", null), signal(7, 2, "{}", null))));
        assertThat(printer.isFull()).isTrue();
        printer.print(record(2, sample()));

        assertThat(lines()).singleElement().satisfies(line -> {
            assertThat(line.get("index").asInt()).isEqualTo(1);
            assertThat(line.get("source").asText()).isEqualTo("signals/3/2");
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRecordOfAnotherVersionIsReportedWithItsPlaceAndTheNextIsPrinted(boolean json) {
        byte[] later = sample();
        later[0] = 9;
        EnvelopePrinter printer = printer(json, null, ENOUGH);
        printer.print(record(41, later));
        printer.print(record(42, sample()));

        assertThat(printer.end()).isEqualTo(ExitCodes.DAMAGE);
        assertThat(err.toString())
                .startsWith("DAMAGE topic signals-by-tenant, partition 5, offset 41: an envelope of version 9")
                .hasLineCount(1);
        assertThat(out.toString()).hasLineCount(json ? 3 : 2);
        if (json) {
            assertThat(lines().get(0).get("damage").asText()).contains("version 9");
            assertThat(lines().get(0).get("offset").asLong()).isEqualTo(41);
        }
    }

    @Test
    void everyTruncationIsReportedInOneLineOrHasWholeSignalsOnly() {
        byte[] whole = sample();
        for (int length = 0; length < whole.length; length++) {
            out.getBuffer().setLength(0);
            err.getBuffer().setLength(0);
            EnvelopePrinter printer = printer(true, null, ENOUGH);
            printer.print(record(length, Arrays.copyOf(whole, length)));

            if (printer.end() == ExitCodes.DAMAGE) {
                assertThat(err.toString())
                        .contains("partition 5, offset " + length)
                        .hasLineCount(1);
                assertThat(lines()).hasSize(1);
            } else {
                // The format has no count of signals, because the topic keeps whole records.
                assertThat(lines())
                        .singleElement()
                        .satisfies(line ->
                                assertThat(line.get("tenant_id").asLong()).isEqualTo(7));
            }
        }
        EnvelopePrinter printer = printer(false, null, ENOUGH);
        printer.print(record(0, null));
        assertThat(printer.end()).isEqualTo(ExitCodes.DAMAGE);
    }
}
