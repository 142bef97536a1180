package io.tidegate.wal;

import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Reads one tenant's WAL of about 64 MiB from the page cache: record by record, verified, and for comparison the same bytes
 * in pieces that are only summed up. The score is for the whole WAL.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 15)
@Measurement(iterations = 20)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class WalReadBenchmark {
    private static final TenantId TENANT = TenantId.of(42);
    private static final int SIGNALS = 260_000;
    private static final int VALUE_BYTES = 200;
    private static final int PIECE_BYTES = 128 * 1024;

    private Path directory;
    private DataDir dir;

    @Setup(Level.Trial)
    public void setUp() throws IOException {
        directory = Directories.create();
        dir = new DataDir(directory);
        byte[] value = new byte[VALUE_BYTES];
        new SplittableRandom(7).nextBytes(value);
        Header[] headers = {
            new RecordHeader(TidegateHeaders.SOURCE, "signals/3/12345678".getBytes(StandardCharsets.US_ASCII))
        };
        WalSettings settings = WalSettings.of(
                WalSettings.SEGMENT_BYTES_DEFAULT, Duration.ofHours(24), 16, WalSettings.compression("none"));
        try (Shard shard = new Shard(dir, 0, settings)) {
            for (int i = 0; i < SIGNALS; i++) {
                WalRecord record = new WalRecord(i, 1_700_000_000_000L + i, null, value, headers);
                shard.append(TENANT, record);
            }
            shard.checkpoint(SIGNALS);
        }
    }

    @TearDown(Level.Trial)
    public void tearDown() throws IOException {
        Directories.delete(directory);
    }

    @Benchmark
    public long read() throws IOException {
        long bytes = 0;
        try (WalReader reader = WalReader.open(dir, TENANT, 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                bytes += record.ownBytes();
            }
        }
        return bytes;
    }

    @Benchmark
    public Object verify() throws IOException {
        return new WalVerifier(dir, null).verify(TENANT, bytes -> {});
    }

    @Benchmark
    public long readWithCrc32c() throws IOException {
        CRC32C crc = new CRC32C();
        readAll(crc::update);
        return crc.getValue();
    }

    @Benchmark
    public byte[] readWithSha256() throws IOException, NoSuchAlgorithmException {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        readAll(sha256::update);
        return sha256.digest();
    }

    private void readAll(Consumer<ByteBuffer> each) throws IOException {
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        try (Stream<Path> segments = Files.list(dir.walOf(TENANT))) {
            for (Path segment : segments.toList()) {
                try (FileChannel file = FileChannel.open(segment, StandardOpenOption.READ)) {
                    while (file.read(piece.clear()) >= 0) {
                        each.accept(piece.flip());
                    }
                }
            }
        }
    }
}
