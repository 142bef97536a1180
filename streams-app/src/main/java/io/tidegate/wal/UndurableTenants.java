package io.tidegate.wal;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tenants of each shard that had bytes which were not durable when the disk failed. Kept beside the checkpoint, one
 * tenant id per line, and also in memory, because the disk has just failed. Thread-safe as long as only one thread at a
 * time works on a shard.
 */
final class UndurableTenants {
    private static final Logger LOG = LoggerFactory.getLogger(UndurableTenants.class);

    private final Path directory;
    private final DurableFiles files;
    private final Map<Integer, Set<TenantId>> inMemory = new ConcurrentHashMap<>();

    /** @param directory the directory of the checkpoints */
    UndurableTenants(Path directory, DurableFiles files) {
        this.directory = directory;
        this.files = files;
    }

    Set<TenantId> of(int shard) throws IOException {
        Set<TenantId> tenants = new TreeSet<>(inMemory.getOrDefault(shard, Set.of()));
        try {
            Files.readAllLines(file(shard)).stream()
                    .map(TenantId::tryParse)
                    .filter(Objects::nonNull)
                    .forEach(tenants::add);
        } catch (NoSuchFileException e) {
            // There is no file: the disk has not failed.
        }
        return tenants;
    }

    void add(int shard, Collection<TenantId> more) {
        Set<TenantId> tenants = inMemory.computeIfAbsent(shard, number -> new TreeSet<>());
        tenants.addAll(more);
        try {
            String lines =
                    tenants.stream().map(tenant -> tenant.decimal() + "\n").collect(Collectors.joining());
            files.replace(file(shard), lines.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            LOG.warn("the tenants with undurable bytes are kept in memory only shard={}", shard, e);
        }
    }

    void clear(int shard) throws IOException {
        if (Files.deleteIfExists(file(shard))) {
            DurableFiles.fsync(directory);
        }
        inMemory.remove(shard);
    }

    private Path file(int shard) {
        return directory.resolve("shard-%05d.suspects".formatted(shard));
    }
}
