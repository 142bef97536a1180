package io.tidegate.topology;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalFormat;
import io.tidegate.tenant.TenantId;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EnvelopesTest {
    private static final int SIGNALS = 2_000;
    private static final int VALUE_BYTES = 200;

    /** Otherwise the brokers would reject the envelope, and so would they at each retry. */
    @ParameterizedTest
    @ValueSource(longs = {1_000, 28_672, Envelope.BYTES_FULL, 1_000_000})
    void anEnvelopeIsNotLargerThanTheRecordsThatItsTopicAccepts(long recordBytesMax) {
        List<byte[]> sent = new ArrayList<>();
        Envelopes envelopes = new Envelopes(1, recordBytesMax, 1_024, record -> sent.add(record.value()));

        for (int i = 0; i < SIGNALS; i++) {
            RoutedSignal signal = new RoutedSignal(
                    TenantId.of(42),
                    i,
                    new SourcePosition("signals", 0, i),
                    null,
                    new Header[0],
                    new byte[VALUE_BYTES],
                    null);
            envelopes.add(0, signal, VALUE_BYTES + 100);
        }
        envelopes.sendAll();

        assertThat(sent)
                .allSatisfy(envelope -> assertThat(envelope.length)
                        .isLessThanOrEqualTo((int) Math.min(recordBytesMax, Envelope.BYTES_FULL)));
        assertThat(sent.stream()
                        .mapToInt(envelope -> Envelope.read(envelope).size())
                        .sum())
                .isEqualTo(SIGNALS);
    }

    /** Avro's ids are carried whatever their size, so they count. */
    @Test
    void idsThatAreLargerThanTheirValueFitTheTopicToo() {
        int recordBytesMax = 60_000;
        List<byte[]> sent = new ArrayList<>();
        Envelopes envelopes = new Envelopes(
                1, recordBytesMax, Envelope.foundBytesMax(SignalFormat.AVRO), record -> sent.add(record.value()));
        List<String> ids = IntStream.range(0, 200)
                .mapToObj("an-id-of-about-forty-characters-%08d"::formatted)
                .toList();
        Signal signal = new Signal(TenantId.of(42), "view", ids, List.of(), List.of());

        for (int i = 0; i < 100; i++) {
            envelopes.add(
                    0,
                    new RoutedSignal(
                            TenantId.of(42),
                            i,
                            new SourcePosition("signals", 0, i),
                            null,
                            new Header[0],
                            new byte[VALUE_BYTES],
                            signal),
                    VALUE_BYTES + 100);
        }
        envelopes.sendAll();

        assertThat(sent).allSatisfy(envelope -> assertThat(envelope.length).isLessThanOrEqualTo(recordBytesMax));
    }
}
