package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.apache.kafka.streams.errors.ProcessorStateException;
import org.apache.kafka.streams.errors.StreamsException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rocksdb.RocksDBException;
import org.rocksdb.Status;
import org.rocksdb.Status.Code;
import org.rocksdb.Status.SubCode;

/** Messages of RocksDB 10 for stores of a stopped instance of which one file was changed, and for a process without resources. */
class DamagedStateExceptionTest {
    private static final Path DIR = Path.of("/data/.tidegate/streams");

    private static Throwable opening(Code code, String message) {
        RocksDBException rocks = new RocksDBException(message, new Status(code, SubCode.None, null));
        return new StreamsException(
                new ProcessorStateException("Error opening store usage at location /data/usage", rocks));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        Corruption | block checksum mismatch: stored(context removed) = 1995029585, computed = 1872793586, type = 4  in /data/usage/000010.sst offset 0 size 137
        Corruption | Sst file size mismatch: /data/usage/000011.sst. Expected 3260, actual size 1630
        IOError | Sst file size mismatch: /data/usage/000011.sst. Expected 3260, actual size 1630
        Corruption | IO error: No such file or directory: While open a file for random read: /data/usage/000011.sst: No such file or directory
        IOError | While open a file for random read: /data/usage/000011.sst: No such file or directory
        IOError | While opening a file for sequentially reading: /data/usage/MANIFEST-000005: No such file or directory
        Corruption | checksum mismatch  The file /data/usage/MANIFEST-000005 may be corrupted.
        Corruption | CURRENT file corrupted
        Corruption | CURRENT file does not end with newline
        InvalidArgument | While creating a new Db, wal_dir contains existing log file: : 000004.log
        """)
    void recognisesDamage(Code code, String message) {
        assertThat(DamagedStateException.in(opening(code, message), DIR))
                .hasMessageStartingWith(
                        "the state in /data/.tidegate/streams is damaged: Error opening store usage at location /data/usage: "
                                + message)
                .hasMessageContaining("Move this directory away (keep it), and start the instance again")
                .hasMessageNotContaining("..");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        IOError | While open a file for appending: /data/usage/000043.dbtmp: Too many open files
        IOError | While open a file for random read: /data/usage/000011.sst: Too many open files
        IOError | While appending to file: /data/usage/MANIFEST-000005: No space left on device
        Corruption | IO error: While open a file for random read: /data/usage/000011.sst: Too many open files
        IOError | While pread offset 0 len 4096: /data/usage/000011.sst: Input/output error
        IOError | While lock file: /data/usage/LOCK: Resource temporarily unavailable
        """)
    void otherErrorsMayPass(Code code, String message) {
        assertThat(DamagedStateException.in(opening(code, message), DIR)).isNull();
    }

    @Test
    void aFailureWithoutAStoreIsNoDamage() {
        assertThat(DamagedStateException.in(new IllegalStateException("CURRENT file corrupted"), DIR))
                .isNull();
        assertThat(DamagedStateException.in(new ProcessorStateException("Error opening store usage"), DIR))
                .isNull();
    }
}
