package io.tidegate.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.SchemaRegistrySettings;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Usable;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Values wait for their schemas; the caller does not. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class SchemaGateTest {
    private static final String ORDER =
            "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}";

    private final AtomicLong nanos = new AtomicLong();
    private StubRegistry registry;
    private RegistrySchemas schemas;
    private SchemaGate gate;

    @BeforeEach
    void start() throws Exception {
        registry = new StubRegistry();
        schemas = new RegistrySchemas(
                new SchemaRegistrySettings(
                        List.of(URI.create(registry.url())), null, null, Duration.ofMinutes(10), 100),
                nanos::get);
        gate = new SchemaGate(schemas, nanos::get);
    }

    @AfterEach
    void stop() {
        gate.close();
        registry.close();
    }

    private static byte[] value(int id) {
        return ByteBuffer.allocate(9).put((byte) 0).putInt(id).array();
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void aValueThatNeedsNoSchemaIsReadyAtOnce() {
        assertThat(gate.isReady(null)).isTrue();
        assertThat(gate.isReady(new byte[0])).isTrue();
        assertThat(gate.isReady(new byte[] {1, 0, 0, 0, 7, 0})).isTrue();
        assertThat(registry.requests()).isEmpty();
    }

    @Test
    void askingDoesNotWaitForTheRegistry() {
        CountDownLatch latch = new CountDownLatch(1);
        registry.hold(latch);
        registry.register(7, ORDER);

        assertThat(gate.isReady(value(7))).isFalse();
        assertThat(gate.isReady(value(7))).isFalse();
        latch.countDown();

        await(() -> gate.isReady(value(7)));
        assertThat(schemas.of(7)).isInstanceOf(Usable.class);
        assertThat(registry.requests()).containsExactly("/schemas/ids/7");
    }

    @Test
    void anUnknownSchemaIsReady() {
        await(() -> gate.isReady(value(8)));

        assertThat(gate.waitsFor()).isNull();
    }

    @Test
    void whileTheRegistryIsUnavailableValuesWaitAndRetriesBecomeRarer() {
        registry.register(7, ORDER);
        registry.fail(503, "");
        assertThat(gate.isReady(value(7))).isFalse();
        await(() -> gate.pending() == 0);
        assertThat(gate.waitsFor()).contains(registry.url()).contains("answered with status 503");

        long pauseNanos = TimeUnit.MILLISECONDS.toNanos(200);
        for (int tries = 1; tries < 10; tries++) {
            int asked = tries;
            nanos.addAndGet(pauseNanos - 1);
            assertThat(gate.isReady(value(7))).isFalse();
            assertThat(registry.requests()).hasSize(asked);
            nanos.addAndGet(1);
            assertThat(gate.isReady(value(7))).isFalse();
            await(() -> gate.pending() == 0);
            assertThat(registry.requests()).hasSize(asked + 1);
            pauseNanos = Math.min(2 * pauseNanos, SchemaGate.PAUSE_MAX_NANOS);
        }
        registry.fail(0, "");
        nanos.addAndGet(SchemaGate.PAUSE_MAX_NANOS);

        await(() -> gate.isReady(value(7)));
        await(() -> gate.waitsFor() == null);
    }

    @Test
    void aSchemaThatIsNoLongerNeededIsNotWaitedFor() {
        registry.fail(503, "");
        assertThat(gate.isReady(value(7))).isFalse();
        await(() -> gate.waitsFor() != null);

        nanos.addAndGet(TimeUnit.SECONDS.toNanos(31));

        assertThat(gate.waitsFor()).isNull();
    }

    @Test
    void lookupsWithoutEndAreReported() {
        for (int id = 1; id <= 10; id++) {
            int invented = id;
            assertThat(gate.waitsFor()).as("after %d s", id - 1).isNull();
            await(() -> gate.isReady(value(invented)));
            await(() -> gate.pending() == 0);
            nanos.addAndGet(TimeUnit.SECONDS.toNanos(1));
        }
        CountDownLatch latch = new CountDownLatch(1);
        registry.hold(latch);
        assertThat(gate.isReady(value(11))).isFalse();

        assertThat(gate.waitsFor())
                .isEqualTo("11 schema ids looked up in 10 s, of which the registry cannot give 10 a schema");

        latch.countDown();
        await(() -> gate.isReady(value(11)));
        await(() -> gate.pending() == 0);
        nanos.addAndGet(SchemaGate.BREAK_NANOS);
        assertThat(gate.waitsFor()).isNull();
        assertThat(gate.isReady(value(13))).isFalse();
        assertThat(gate.waitsFor()).as("counted from the last break on").isNull();
    }

    @Test
    void manyLookupsAreInFlightTogether() {
        CountDownLatch latch = new CountDownLatch(1);
        registry.hold(latch);
        for (int id = 1; id <= 32; id++) {
            assertThat(gate.isReady(value(id))).isFalse();
        }

        await(() -> registry.requests().size() == 32);
        latch.countDown();
    }

    @Test
    void idsThatProducersInventAreBounded() {
        registry.fail(503, "");
        for (int id = 1; id <= 10_000; id++) {
            assertThat(gate.isReady(value(id))).isFalse();
        }
        await(() -> gate.pending() == 0);
        assertThat(registry.requests().size()).isLessThan(300);
        registry.fail(0, "");
        registry.register(20_000, ORDER);
        nanos.addAndGet(TimeUnit.SECONDS.toNanos(31));

        await(() -> gate.isReady(value(20_000)));
    }
}
