package io.tidegate.instance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.rocksdb.NativeLibraryLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks RocksDB's native library, 15 MB, into a separate directory, where the next process finds and replaces it. RocksDB
 * itself would put a new copy into the system's temporary directory at each start, and a killed process leaves it there.
 */
final class RocksDbLibrary {
    private static final Logger LOG = LoggerFactory.getLogger(RocksDbLibrary.class);

    private RocksDbLibrary() {}

    /** Loads the library through a directory. If that fails, RocksDB loads it in its own way. */
    static void loadFrom(Path directory) {
        try {
            Files.createDirectories(directory);
            NativeLibraryLoader.getInstance().loadLibrary(directory.toString());
        } catch (IOException | RuntimeException | UnsatisfiedLinkError e) {
            LOG.info(
                    "RocksDB's library is not loaded from {}, but from the temporary directory: {}",
                    directory,
                    e.toString());
        }
    }
}
