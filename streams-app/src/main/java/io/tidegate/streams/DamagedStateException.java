package io.tidegate.streams;

import java.nio.file.Path;
import java.util.regex.Pattern;
import org.apache.kafka.streams.errors.ProcessorStateException;
import org.apache.kafka.streams.errors.StreamsException;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.Status;

/**
 * Damaged files of a state store. A restart meets the same files, so the instance ends. Other errors of RocksDB, such as a
 * full disk or too many open files, have the same type in Kafka Streams, but may pass: they are not damage.
 */
public final class DamagedStateException extends StreamsException {
    private static final long serialVersionUID = 1;

    /** Damage that RocksDB does not report as corruption, such as missing files. */
    private static final Pattern DAMAGE =
            Pattern.compile("contains existing log file|CURRENT file|Sst file size mismatch"
                    + "|(/MANIFEST-\\d+|\\.sst)\\b.*No such file or directory");

    /** Errors of the operating system. RocksDB may report them as corruption if they occur while it checks its files. */
    private static final Pattern MAY_PASS =
            Pattern.compile("Too many open files|No space left on device|Disk quota exceeded|Input/output error"
                    + "|Cannot allocate memory|Permission denied|Read-only file system");

    private DamagedStateException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * Returns the damage that caused a failure; null if it has another cause.
     *
     * @param dir the directory of the state
     */
    static @Nullable DamagedStateException in(Throwable failure, Path dir) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ProcessorStateException store
                    && store.getCause() instanceof RocksDBException rocks
                    && isDamage(rocks)) {
                String what = store.getMessage() + ": " + rocks.getMessage();
                return new DamagedStateException(
                        ("the state in %s is damaged: %s%s Move this directory away (keep it), and start the instance"
                                        + " again: the state is restored from its changelogs. The WAL is not affected")
                                .formatted(dir, what, what.endsWith(".") ? "" : "."),
                        store);
            }
        }
        return null;
    }

    private static boolean isDamage(RocksDBException failure) {
        String message = String.valueOf(failure.getMessage());
        if (MAY_PASS.matcher(message).find()) {
            return false;
        }
        Status status = failure.getStatus();
        return (status != null && status.getCode() == Status.Code.Corruption)
                || DAMAGE.matcher(message).find();
    }
}
