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
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteOptions;

/**
 * Appends signals for all tenants in turn. They become visible to readers every {@value #FLUSH_EVERY}, without fsync.
 *
 * <p>{@link #rawChannels} writes the same number of bytes, in pieces of the same size, into the same number of files, and
 * does nothing else. {@link #rocksdb} and {@link #chronicle} keep one log for all tenants. They have neither checksums of the
 * caller's choice nor sequence numbers without gaps. Each measurement is a single shot, to bound the bytes written.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 15)
@Measurement(iterations = 20)
@SuppressWarnings("NullAway.Init") // JMH calls setUp before anything else
public class WalAppendBenchmark {
    private static final int SIGNALS = 200_000;
    private static final int FLUSH_EVERY = 10_000;
    private static final int VALUE_BYTES = 200;
    private static final int BATCH_BYTES = 32 * 1024;

    @Param({"1", "1000"})
    private int tenants;

    private final byte[] value = new byte[VALUE_BYTES];
    private final Header[] headers = {
        new RecordHeader(TidegateHeaders.SOURCE, "signals/3/12345678".getBytes(StandardCharsets.US_ASCII))
    };
    private TenantId[] ids;
    private Path directory;

    @Setup(Level.Trial)
    public void make() {
        new SplittableRandom(7).nextBytes(value);
        ids = new TenantId[tenants];
        for (int i = 0; i < tenants; i++) {
            ids[i] = TenantId.of(i + 1);
        }
    }

    @Setup(Level.Invocation)
    public void setUp() throws IOException {
        directory = Directories.create();
    }

    @TearDown(Level.Invocation)
    public void tearDown() throws IOException {
        Directories.delete(directory);
    }

    private static WalSettings settings() {
        return WalSettings.of(
                WalSettings.SEGMENT_BYTES_DEFAULT, Duration.ofHours(24), 2000, WalSettings.compression("none"));
    }

    /** A shard in which each tenant already has a file, so that appends do not include its creation. */
    @State(Scope.Thread)
    public static class OpenShard {
        private Shard shard;

        @Setup(Level.Invocation)
        public void open(WalAppendBenchmark benchmark) {
            shard = new Shard(new DataDir(benchmark.directory), 0, settings());
            for (TenantId id : benchmark.ids) {
                benchmark.append(shard, id, 0);
            }
            shard.flush();
        }

        @TearDown(Level.Invocation)
        public void close() {
            shard.close();
        }
    }

    private void append(Shard shard, TenantId id, long seq) {
        WalRecord record = new WalRecord(seq, 1_700_000_000_000L + seq, null, value, headers);
        shard.append(id, record);
    }

    @Benchmark
    @OperationsPerInvocation(SIGNALS)
    public void own(OpenShard open) {
        for (int i = 0; i < SIGNALS; i++) {
            append(open.shard, ids[i % tenants], 1 + i / tenants);
            if (i % FLUSH_EVERY == FLUSH_EVERY - 1) {
                open.shard.flush();
            }
        }
    }

    /** One file for each tenant. */
    @State(Scope.Thread)
    public static class OpenFiles {
        private FileChannel[] files;
        private ByteBuffer[] pending;

        @Setup(Level.Invocation)
        public void open(WalAppendBenchmark benchmark) throws IOException {
            files = new FileChannel[benchmark.tenants];
            pending = new ByteBuffer[benchmark.tenants];
            for (int i = 0; i < files.length; i++) {
                files[i] = FileChannel.open(
                        benchmark.directory.resolve(Integer.toString(i)),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.WRITE);
                pending[i] = ByteBuffer.allocate(BATCH_BYTES);
            }
        }

        @TearDown(Level.Invocation)
        public void close() throws IOException {
            for (FileChannel file : files) {
                file.close();
            }
        }
    }

    @Benchmark
    @OperationsPerInvocation(SIGNALS)
    public void rawChannels(OpenFiles open) throws IOException {
        // The overhead of a record in Tidegate's WAL besides the value: lengths, deltas, the header.
        byte[] record = new byte[VALUE_BYTES + 45];
        System.arraycopy(value, 0, record, 0, VALUE_BYTES);
        for (int i = 0; i < SIGNALS; i++) {
            int tenant = i % tenants;
            ByteBuffer pending = open.pending[tenant];
            if (pending.remaining() < record.length) {
                write(open.files[tenant], pending);
            }
            pending.put(record);
            if (i % FLUSH_EVERY == FLUSH_EVERY - 1) {
                for (int j = 0; j < tenants; j++) {
                    write(open.files[j], open.pending[j]);
                }
            }
        }
    }

    private static void write(FileChannel file, ByteBuffer bytes) throws IOException {
        bytes.flip();
        while (bytes.hasRemaining()) {
            int unused = file.write(bytes);
        }
        bytes.clear();
    }

    @Benchmark
    @OperationsPerInvocation(SIGNALS)
    public void rocksdb() throws RocksDBException {
        try (Options options = new Options().setCreateIfMissing(true);
                WriteOptions unsynced = new WriteOptions();
                RocksDB db = RocksDB.open(options, directory.toString())) {
            ByteBuffer key = ByteBuffer.allocate(2 * Long.BYTES);
            for (int i = 0; i < SIGNALS; i++) {
                key.putLong(0, ids[i % tenants].bits()).putLong(Long.BYTES, i / tenants);
                db.put(unsynced, key.array(), value);
            }
        }
    }

    @Benchmark
    @OperationsPerInvocation(SIGNALS)
    public void chronicle() throws IOException {
        Path queueDirectory = Files.createDirectory(directory.resolve("queue"));
        try (ChronicleQueue queue = ChronicleQueue.single(queueDirectory.toString());
                ExcerptAppender appender = queue.createAppender()) {
            Bytes<byte[]> bytes = Bytes.wrapForRead(value);
            for (int i = 0; i < SIGNALS; i++) {
                bytes.readPositionRemaining(0, VALUE_BYTES);
                appender.writeBytes(bytes);
            }
        }
    }
}
