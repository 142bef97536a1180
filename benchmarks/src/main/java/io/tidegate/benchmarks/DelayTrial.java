package io.tidegate.benchmarks;

import io.tidegate.benchmarks.Case.Quota;
import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The delay at a steady rate from {@code send} until a rejection can be read, and until an accepted signal is in its tenant's
 * file.
 *
 * <p>Each signal carries its time of sending, by the clock of this process, which also reads the rejections and watches the
 * ends of some tenants' files. Half of the tenants have nearly all their signals rejected.
 */
final class DelayTrial {
    /** The result of one trial. */
    record Result(long ratePerSec, Delays rejected, Delays inFile) {}

    private static final String ID = "delay";
    private static final int TENANTS = 1000;
    private static final int ENTITIES_PER_KIND = 333;
    private static final int VALUE_BYTES = 200;

    /** The directories to watch. Each look costs system calls, on cores that the measured program needs. */
    private static final int TENANTS_WATCHED = 10;

    private static final Duration LOOK_EVERY = Duration.ofMillis(10);
    private static final Duration WARM_UP = Duration.ofSeconds(60);
    private static final Duration WARM_UP_MAX = Duration.ofMinutes(3);
    private static final double STEADY_MS = 3000;
    private static final byte[] SENT = ",\"sent\":".getBytes(StandardCharsets.US_ASCII);

    private final Bench bench;
    private final String heap;
    private final Delays rejected = new Delays();
    private final Delays inFile = new Delays();
    private final AtomicBoolean over = new AtomicBoolean();

    DelayTrial(Bench bench, String heap) {
        this.bench = bench;
        this.heap = heap;
    }

    Result run(long ratePerSec, Duration duration, int threads)
            throws IOException, InterruptedException, ExecutionException {
        bench.createSignals(ID + ".signals");
        Map<String, String> values = bench.tidegate(ID, ID + ".signals", threads);
        Settings settings = Bench.settings(values);
        bench.prepare(settings, Quota.HALF, TENANTS);
        Thread reader = new Thread(() -> readRejections(settings), "rejections");
        Thread watcher = new Thread(() -> watchFiles(settings), "files");
        try (Child child = bench.startTidegate(ID, heap, values)) {
            reader.start();
            watcher.start();
            warmUp(ratePerSec);
            inFile.clear();
            rejected.clear();
            send(ratePerSec, duration);
            if (!child.isAlive()) {
                throw new IllegalStateException("Tidegate ended; the end of its log:\n" + child.logTail());
            }
            // Signals still under way when sending ends are left out: their delay would not be one at this rate.
        } finally {
            over.set(true);
            reader.join();
            watcher.join();
            bench.delete(ID);
        }
        return new Result(ratePerSec, rejected, inFile);
    }

    /** Sends until signals no longer queue behind those sent while the program started. */
    private void warmUp(long ratePerSec) {
        long begin = System.nanoTime();
        boolean steady = false;
        while (!steady || System.nanoTime() - begin < WARM_UP.toNanos()) {
            if (System.nanoTime() - begin > WARM_UP_MAX.toNanos()) {
                throw new IllegalStateException("delays are not steady after %s at %,d signals a second: rejections %s"
                        .formatted(WARM_UP_MAX, ratePerSec, rejected));
            }
            rejected.clear();
            send(ratePerSec, Duration.ofSeconds(1));
            steady = rejected.count() > 0 && rejected.ms(1) < STEADY_MS;
        }
    }

    private void send(long ratePerSec, Duration duration) {
        Workload workload = new Workload(ID, Long.MAX_VALUE, TENANTS, ENTITIES_PER_KIND, VALUE_BYTES);
        Workload.Source source = workload.new Source();
        long begin = System.nanoTime();
        long total = ratePerSec * duration.toSeconds();
        try (KafkaProducer<byte[], byte[]> producer = Workload.producer(bench.bootstrap())) {
            for (long sent = 0; sent < total; sent++) {
                long due = begin + sent * Duration.ofSeconds(1).toNanos() / ratePerSec;
                long now = System.nanoTime();
                if (due - now > Duration.ofMillis(1).toNanos()) {
                    LockSupport.parkNanos(due - now);
                }
                byte[] value = stamped(source.next());
                var unused = producer.send(new ProducerRecord<>(ID + ".signals", value));
                long number = sent;
                bench.progress().show(() -> "delay: %,d of %,d signals".formatted(number, total));
            }
        }
    }

    private static byte[] stamped(byte[] value) {
        String json = new String(value, 0, value.length - 1, StandardCharsets.US_ASCII);
        return (json + ",\"sent\":" + nowMicros() + "}").getBytes(StandardCharsets.US_ASCII);
    }

    private static long nowMicros() {
        return System.nanoTime() / 1000;
    }

    private void readRejections(Settings settings) {
        try (var consumer = PlainConsumer.consumer(bench.bootstrap(), ID + "-reader")) {
            consumer.subscribe(List.of(settings.topics().quotaExceeded()));
            while (!over.get()) {
                for (var record : consumer.poll(Duration.ofMillis(100))) {
                    note(ByteBuffer.wrap(record.value()), rejected);
                }
            }
        }
    }

    /** Records a delay for each signal in these bytes; returns the end of the last timestamp found. */
    private static int note(ByteBuffer bytes, Delays delays) {
        long now = nowMicros();
        int end = bytes.position();
        for (int at = bytes.position(); at <= bytes.limit() - SENT.length; at++) {
            if (startsAt(bytes, at)) {
                long micros = 0;
                int digit = at + SENT.length;
                while (digit < bytes.limit() && bytes.get(digit) >= '0' && bytes.get(digit) <= '9') {
                    micros = micros * 10 + bytes.get(digit++) - '0';
                }
                if (digit < bytes.limit()) {
                    delays.add(now - micros);
                    end = digit;
                }
                at = digit;
            }
        }
        return end;
    }

    private static boolean startsAt(ByteBuffer bytes, int at) {
        for (int i = 0; i < SENT.length; i++) {
            if (bytes.get(at + i) != SENT[i]) {
                return false;
            }
        }
        return true;
    }

    private void watchFiles(Settings settings) {
        DataDir dir = new DataDir(settings.dataDir());
        Map<Path, Long> seen = new HashMap<>();
        while (!over.get()) {
            try {
                // Tenants with odd ids have their signals accepted.
                for (long tenant = 1; tenant < 2 * TENANTS_WATCHED; tenant += 2) {
                    watch(dir.walOf(TenantId.of(tenant)), seen);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
        }
    }

    private void watch(Path directory, Map<Path, Long> seen) throws IOException {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> segments = Files.list(directory)) {
            for (Path segment : segments.toList()) {
                long from = seen.getOrDefault(segment, 0L);
                long size = Files.size(segment);
                if (size > from) {
                    ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(1 << 20, size - from));
                    try (FileChannel file = FileChannel.open(segment, StandardOpenOption.READ)) {
                        int unused = file.read(bytes, from);
                    }
                    seen.put(segment, from + note(bytes.flip(), inFile));
                }
            }
        }
    }
}
