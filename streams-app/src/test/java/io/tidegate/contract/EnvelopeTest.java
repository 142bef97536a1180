package io.tidegate.contract;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EnvelopeTest {
    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    /** Signals with all possible contents: two topics, every field present and absent, an id above 2^63, a decreasing time. */
    private static List<RoutedSignal> samples() {
        return List.of(
                new RoutedSignal(
                        TenantId.of(42),
                        1_700_000_000_123L,
                        new SourcePosition("signals", 3, 12_345_678_901L),
                        bytes("key"),
                        new Header[] {
                            new RecordHeader("trace", bytes("1")),
                            new RecordHeader("trace", new byte[0]),
                            new RecordHeader("", null)
                        },
                        bytes("{\"tenant_id\":42,\"item\":\"ü\"}"),
                        new Signal(TenantId.of(42), "view", List.of("ü", "b"), List.of(), List.of())),
                new RoutedSignal(
                        TenantId.of(-1),
                        1_700_000_000_100L,
                        new SourcePosition("signals", 3, 0),
                        null,
                        new Header[0],
                        bytes("{}"),
                        new Signal(TenantId.of(-1), null, "7", "c")),
                new RoutedSignal(
                        TenantId.DEFAULT,
                        0,
                        new SourcePosition("other.signals", 0, Long.MAX_VALUE),
                        new byte[0],
                        new Header[0],
                        bytes("not parsed"),
                        null));
    }

    private static byte[] envelope(List<RoutedSignal> signals) {
        EnvelopeWriter writer = new EnvelopeWriter();
        signals.forEach(writer::add);
        return writer.take();
    }

    private static void assertSame(List<RoutedSignal> found, List<RoutedSignal> expected) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.size(); i++) {
            assertThat(text(found.get(i))).as("signal %d", i).isEqualTo(text(expected.get(i)));
        }
    }

    private static String text(RoutedSignal signal) {
        return "%s %d %s %s %s %s %s"
                .formatted(
                        signal.tenant(),
                        signal.timestampMs(),
                        signal.source(),
                        Arrays.toString(signal.key()),
                        Arrays.toString(signal.headers()),
                        Arrays.toString(signal.value()),
                        signal.signal());
    }

    private static String golden(int version) throws IOException {
        try (InputStream in = EnvelopeTest.class.getResourceAsStream("/golden/envelope-v" + version + ".hex")) {
            assertThat(in).isNotNull();
            return new String(in.readAllBytes(), UTF_8).replaceAll("#.*", "").replaceAll("\\s", "");
        }
    }

    @Test
    void theFormatOfVersionTwoDoesNotChange() throws IOException {
        assertThat(HexFormat.of().formatHex(envelope(samples()))).isEqualTo(golden(2));
        assertSame(Envelope.read(HexFormat.of().parseHex(golden(2))), samples());
    }

    /** Version 1 has no type, and at most one id of each kind. */
    @Test
    void versionOneCanStillBeRead() throws IOException {
        List<RoutedSignal> signals = new ArrayList<>(samples());
        RoutedSignal first = signals.get(0);
        signals.set(
                0,
                new RoutedSignal(
                        first.tenant(),
                        first.timestampMs(),
                        first.source(),
                        first.key(),
                        first.headers(),
                        first.value(),
                        new Signal(first.tenant(), "ü", null, null)));
        assertSame(Envelope.read(HexFormat.of().parseHex(golden(1))), signals);
    }

    @Test
    void aTypeInVersionOneIsAnUnknownFlag() throws IOException {
        byte[] first = HexFormat.of().parseHex(golden(1));
        first[1] |= Envelope.TYPE;
        assertThatThrownBy(() -> Envelope.read(first)).hasMessageContaining("unknown flags");
    }

    @Test
    void anEnvelopeWithMoreIdsThanASignalCanNameIsRejected() {
        byte[] envelope = envelope(List.of(withItems(Signal.ENTITIES_MAX)));
        assertSame(Envelope.read(envelope), List.of(withItems(Signal.ENTITIES_MAX)));

        byte[] more = envelope(List.of(withItems(Signal.ENTITIES_MAX + 1)));
        assertThatThrownBy(() -> Envelope.read(more)).hasMessageContaining("has too many ids");
    }

    @Test
    void anEnvelopeWithATimeOrIdsThatStageOneDoesNotWriteIsRejected() {
        assertThatThrownBy(() -> Envelope.read(envelope(List.of(withItems(List.of("i"), -1)))))
                .hasMessageContaining("has a negative time");
        assertThatThrownBy(() -> Envelope.read(envelope(List.of(withItems(List.of("i", "j", "i"), 0)))))
                .hasMessageContaining("has an id twice");
    }

    private static RoutedSignal withItems(int items) {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < items; i++) {
            ids.add(Integer.toString(i));
        }
        return withItems(ids, 0);
    }

    private static RoutedSignal withItems(List<String> ids, long timestampMs) {
        return new RoutedSignal(
                TenantId.of(1),
                timestampMs,
                new SourcePosition("s", 0, 0),
                null,
                new Header[0],
                bytes("{}"),
                new Signal(TenantId.of(1), null, ids, List.of(), List.of()));
    }

    @Test
    void aWriterBeginsAgainAfterEachEnvelope() {
        EnvelopeWriter writer = new EnvelopeWriter();
        for (int i = 0; i < 3; i++) {
            assertThat(writer.isEmpty()).isTrue();
            samples().forEach(writer::add);
            assertThat(writer.newestMs()).isEqualTo(1_700_000_000_123L);
            assertSame(Envelope.read(writer.take()), samples());
        }
    }

    @Test
    void anEnvelopeThatIsTruncatedAnywhereIsRejectedOrHasFewerWholeSignals() {
        byte[] whole = envelope(samples());
        List<Integer> ends = new ArrayList<>();
        for (int signals = 1; signals < samples().size(); signals++) {
            ends.add(envelope(samples().subList(0, signals)).length);
        }
        for (int length = 0; length < whole.length; length++) {
            byte[] truncated = Arrays.copyOf(whole, length);
            if (ends.contains(length)) {
                assertSame(Envelope.read(truncated), samples().subList(0, ends.indexOf(length) + 1));
            } else {
                assertThatThrownBy(() -> Envelope.read(truncated))
                        .as("truncated to %d bytes", length)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("of " + length);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(bytes = {0, 3, 123, -1})
    void anotherVersionIsNamed(byte version) {
        byte[] other = envelope(samples());
        other[0] = version;
        assertThatThrownBy(() -> Envelope.read(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("an envelope of version %d, and this Tidegate reads versions 1 to 2", version);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void bytesThatAreNoEnvelopeAreRejectedAndNothingElse(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 20_000; step++) {
            byte[] strange = step % 2 == 0 ? envelope(samples()) : new byte[random.nextInt(100)];
            if (step % 2 == 0) {
                for (int i = random.nextInt(4); i >= 0; i--) {
                    strange[random.nextInt(strange.length)] = (byte) random.nextInt();
                }
            } else {
                random.nextBytes(strange);
                if (strange.length > 0) {
                    strange[0] = Envelope.VERSION;
                }
            }
            try {
                assertThat(Envelope.read(strange)).isNotEmpty();
            } catch (IllegalArgumentException e) {
                assertThat(e).as("seed %d, step %d", seed, step).hasMessageContaining("envelope");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {4, 5, 6})
    void everyWrittenEnvelopeIsReadBack(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 300; step++) {
            List<RoutedSignal> signals = new ArrayList<>();
            for (int count = 1 + random.nextInt(20); count > 0; count--) {
                signals.add(signal(random));
            }
            assertSame(Envelope.read(envelope(signals)), signals);
        }
    }

    private static RoutedSignal signal(SplittableRandom random) {
        Header[] headers = new Header[random.nextInt(4)];
        Arrays.setAll(
                headers,
                i -> new RecordHeader(
                        "h€".repeat(random.nextInt(40)), random.nextBoolean() ? null : some(random, 200)));
        TenantId tenant = TenantId.of(random.nextLong());
        return new RoutedSignal(
                tenant,
                random.nextLong() >>> random.nextInt(1, 64),
                new SourcePosition(
                        "signals" + random.nextInt(3),
                        random.nextInt(1_000),
                        random.nextLong() >>> random.nextInt(1, 64)),
                random.nextBoolean() ? null : some(random, 20),
                headers,
                some(random, 2_000),
                random.nextInt(4) == 0 ? null : new Signal(tenant, id(random), ids(random), ids(random), ids(random)));
    }

    private static byte[] some(SplittableRandom random, int max) {
        byte[] some = new byte[random.nextInt(max)];
        random.nextBytes(some);
        return some;
    }

    private static List<String> ids(SplittableRandom random) {
        List<String> ids = new ArrayList<>();
        for (int count = random.nextInt(4); count > 0; count--) {
            ids.add(count + "€".repeat(random.nextInt(20)));
        }
        return ids;
    }

    private static @Nullable String id(SplittableRandom random) {
        return random.nextBoolean() ? null : "é€x".substring(random.nextInt(3)).repeat(1 + random.nextInt(20));
    }

    /** A signal that route accepts must fit into the inner topic. */
    @Test
    void aSingleSignalTakesLittleMoreThanItsRecordHoweverLongItsIdsAre() {
        String longest = "€".repeat(512);
        Header[] headers = {new RecordHeader("€".repeat(100), new byte[1_000])};
        RoutedSignal signal = new RoutedSignal(
                TenantId.of(-1),
                Long.MAX_VALUE,
                new SourcePosition("s".repeat(249), Integer.MAX_VALUE, Long.MAX_VALUE),
                new byte[500],
                headers,
                new byte[900_000],
                new Signal(null, longest, longest, longest));
        long counted = RecordSizes.of(signal.key(), signal.value(), new RecordHeaders(headers));
        byte[] envelope = envelope(List.of(signal));
        assertThat(envelope.length - counted).isLessThan(RecordSizes.HEADROOM_BYTES / 2);
        assertThat(Envelope.read(envelope).get(0).signal())
                .as("parsed again by admit")
                .isNull();
    }
}
