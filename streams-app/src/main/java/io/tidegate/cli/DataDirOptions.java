package io.tidegate.cli;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.wal.DataDir;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of a command that uses the data directory of an instance. */
final class DataDirOptions extends SettingsOptions {
    @Option(
            names = "--data-dir",
            paramLabel = "DIR",
            description = "Directory of the WAL and local state. Default: data.")
    private @Nullable Path dataDir;

    @Override
    Map<String, String> moreFlags() {
        return dataDir == null ? Map.of() : Map.of(Settings.DATA_DIR, dataDir.toString());
    }

    /** Returns the data directory of an instance, for reading. */
    DataDir existingDataDir() {
        return existingDataDir(load().dataDir());
    }

    /** Returns a data directory. Any other directory would have no damage, but must not be reported as clean. */
    static DataDir existingDataDir(Path path) {
        if (!Files.isDirectory(path)) {
            String what = Files.exists(path) ? "%s is not a directory" : "the data directory %s does not exist";
            throw new SettingsException(what.formatted(path) + ": name an instance's with --data-dir");
        }
        if (Stream.of(".tidegate", "wal", "tenants").noneMatch(name -> Files.exists(path.resolve(name)))) {
            throw new SettingsException(
                    "%s is not a data directory, it has none of .tidegate, wal and tenants: name an instance's with --data-dir"
                            .formatted(path));
        }
        return new DataDir(path);
    }
}
