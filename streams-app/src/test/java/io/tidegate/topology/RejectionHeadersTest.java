package io.tidegate.topology;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.QuotaExceeded;
import io.tidegate.admission.Reason;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.SourcePosition;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RejectionHeadersTest {
    private static final OptionalLong NONE = OptionalLong.empty();

    /** Measured: 312 bytes, on one 64-bit JVM; 1,360 when every header was encoded for each rejection. */
    private static final long ALLOCATED_BYTES_MAX = 450;

    private static RoutedSignal signal(long tenant, String topic, int partition, long offset, Header... headers) {
        return new RoutedSignal(
                TenantId.of(tenant), 0, new SourcePosition(topic, partition, offset), null, headers, new byte[0], null);
    }

    private static Header header(String name, String value) {
        return new RecordHeader(name, value.getBytes(UTF_8));
    }

    private static QuotaExceeded quota(
            long tenant, Reason reason, OptionalLong limit, OptionalLong observed, OptionalLong retryAfterMs) {
        return quota(tenant, reason, limit, observed, retryAfterMs, "click");
    }

    private static QuotaExceeded quota(
            long tenant,
            Reason reason,
            OptionalLong limit,
            OptionalLong observed,
            OptionalLong retryAfterMs,
            String signal) {
        return new QuotaExceeded(
                TenantId.of(tenant),
                reason,
                limit,
                observed,
                retryAfterMs,
                null,
                null,
                false,
                reason == Reason.SIGNAL_RATE_LIMITED ? signal : null);
    }

    private static List<String> lines(Headers headers) {
        List<String> lines = new ArrayList<>();
        headers.forEach(header ->
                lines.add(header.key() + "=" + (header.value() == null ? null : new String(header.value(), UTF_8))));
        return lines;
    }

    private static String golden() throws IOException {
        try (InputStream in = RejectionHeadersTest.class.getResourceAsStream("/golden/rejection-headers.txt")) {
            assertThat(in).isNotNull();
            return new String(in.readAllBytes(), UTF_8);
        }
    }

    /** All reasons, with each optional header present and absent, and with headers of the producer. */
    @Test
    void theFormatOfTheHeadersDoesNotChange() throws IOException {
        Header[] sent = {
            header("trace", "1"),
            header("tidegate.reason", "forged"),
            header("trace", "2"),
            new RecordHeader("none", null),
            header("tidegate.replays", "3"),
            header("tidegate.source", "forged/0/0"),
            header("tidegate.key", "forged"),
            header("tidegate.limit", "forged")
        };
        OptionalLong limit = OptionalLong.of(60);
        RejectionHeaders rejections = new RejectionHeaders();
        StringBuilder all = new StringBuilder();
        for (Reason reason : Reason.values()) {
            for (int i = 0; i < 8; i++) {
                QuotaExceeded quota = quota(
                        -1 - i / 4,
                        reason,
                        i % 2 == 0 ? NONE : limit,
                        i / 2 % 2 == 0 ? NONE : OptionalLong.of(i),
                        i / 4 == 0 ? NONE : OptionalLong.of(1234567890123L));
                Headers headers = rejections.of(
                        signal(
                                -1,
                                i < 4 ? "signals" : "signäls",
                                i % 3,
                                Long.MAX_VALUE - i,
                                i == 5 ? sent : new Header[0]),
                        quota,
                        i - 1);
                all.append("--- %s %d\n".formatted(reason.id(), i));
                lines(headers).forEach(line -> all.append(line).append('\n'));
            }
        }
        assertThat(all.toString()).isEqualTo(golden());
    }

    /** The encoded headers of one rejection must never be on a different one. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void aRejectionHasTheHeadersOfItsOwnTenantConfigLimitAndSource(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        RejectionHeaders rejections = new RejectionHeaders();
        long[] tenants = {0, 1, -1, sharingThePlaceOf(1), 77};
        for (int step = 0; step < 5_000; step++) {
            long tenant = tenants[random.nextInt(tenants.length)];
            QuotaExceeded quota = quota(
                    tenant,
                    Reason.values()[random.nextInt(Reason.values().length)],
                    random.nextBoolean() ? NONE : OptionalLong.of(random.nextInt(3)),
                    random.nextBoolean() ? NONE : OptionalLong.of(random.nextInt(3)),
                    random.nextBoolean() ? NONE : OptionalLong.of(random.nextInt(3)),
                    random.nextBoolean() ? "click" : "view");
            RoutedSignal signal =
                    signal(tenant, random.nextBoolean() ? "signals" : "other", random.nextInt(3), random.nextInt(3));
            long configOffset = random.nextInt(-1, 3);

            assertThat(lines(rejections.of(signal, quota, configOffset)))
                    .as("seed %d, step %d", seed, step)
                    .isEqualTo(lines(new RejectionHeaders().of(signal, quota, configOffset)));
        }
    }

    private static long sharingThePlaceOf(long tenant) {
        long other = tenant + 1;
        while (RejectionHeaders.place(TenantId.of(other)) != RejectionHeaders.place(TenantId.of(tenant))) {
            other++;
        }
        return other;
    }

    @Test
    void tenantsWithConsecutiveIdsHavePlacesOfTheirOwn() {
        Set<Integer> places = new HashSet<>();
        for (long tenant = 0; tenant < RejectionHeaders.TENANTS_MAX / 2; tenant++) {
            places.add(RejectionHeaders.place(TenantId.of(tenant)));
        }
        assertThat(places).hasSizeGreaterThan(RejectionHeaders.TENANTS_MAX / 2 - 20);
    }

    @Test
    void aRejectionAllocatesOnlyWhatIsItsOwn() {
        RejectionHeaders rejections = new RejectionHeaders();
        RoutedSignal[] signals = new RoutedSignal[16];
        for (int i = 0; i < signals.length; i++) {
            signals[i] = signal(i, "signals", 5, 1_000_000 + i);
        }
        QuotaExceeded[] quotas = new QuotaExceeded[signals.length];
        for (int i = 0; i < quotas.length; i++) {
            quotas[i] = quota(i, Reason.RATE_LIMITED, OptionalLong.of(60), NONE, OptionalLong.of(177));
        }
        int rounds = 2_000;
        allocated(rejections, signals, quotas, rounds);

        long bytes = allocated(rejections, signals, quotas, rounds) / ((long) rounds * signals.length);

        assertThat(bytes).isBetween(1L, ALLOCATED_BYTES_MAX);
    }

    private static long allocated(
            RejectionHeaders rejections, RoutedSignal[] signals, QuotaExceeded[] quotas, int rounds) {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        long sum = 0;
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < signals.length; i++) {
                sum += rejections.of(signals[i], quotas[i], i).hashCode();
            }
        }
        long bytes = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(sum).isNotZero();
        return bytes;
    }
}
