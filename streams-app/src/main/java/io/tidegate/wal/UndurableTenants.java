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
 * The tenants of a shard that had bytes which were not durable when the disk failed: kept beside the checkpoint, one
 * tenant id a line, and in memory, because the disk that should keep them has just failed.
 */
final class UndurableTenants {
    private static final Logger LOG = LoggerFactory.getLogger(UndurableTenants.class);
    private static final Map<Path, Set<TenantId>> IN_MEMORY = new ConcurrentHashMap<>();

    private UndurableTenants() {}

    static Set<TenantId> of(DataDir dir, int shard) throws IOException {
        Set<TenantId> suspects = new TreeSet<>(IN_MEMORY.getOrDefault(file(dir, shard), Set.of()));
        try {
            Files.readAllLines(file(dir, shard)).stream()
                    .map(TenantId::tryParse)
                    .filter(Objects::nonNull)
                    .forEach(suspects::add);
        } catch (NoSuchFileException e) {
            // The disk has not failed.
        }
        return suspects;
    }

    static void add(DataDir dir, int shard, Collection<TenantId> tenants) {
        Set<TenantId> suspects = IN_MEMORY.computeIfAbsent(file(dir, shard), path -> new TreeSet<>());
        suspects.addAll(tenants);
        try {
            String lines =
                    suspects.stream().map(tenant -> tenant.decimal() + "\n").collect(Collectors.joining());
            dir.replace(file(dir, shard), lines.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            LOG.warn("what the disk lost can be remembered in memory only shard={}", shard, e);
        }
    }

    static void clear(DataDir dir, int shard) throws IOException {
        if (Files.deleteIfExists(file(dir, shard))) {
            DataDir.fsync(file(dir, shard).getParent());
        }
        IN_MEMORY.remove(file(dir, shard));
    }

    private static Path file(DataDir dir, int shard) {
        return dir.checkpoint(shard).resolveSibling("shard-%05d.suspects".formatted(shard));
    }
}
