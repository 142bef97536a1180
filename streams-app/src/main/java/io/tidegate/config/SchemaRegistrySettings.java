package io.tidegate.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The schema registry of Avro values.
 *
 * @param urls its addresses; if one does not answer, the next is tried
 * @param credentialsFile {@code USER:PASSWORD}; null = none are sent
 * @param caFile certificates to trust, PEM; null = the JVM's own list
 * @param timeout the time for one lookup
 * @param schemasMax schemas that are kept in memory
 */
public record SchemaRegistrySettings(
        List<URI> urls,
        @Nullable Path credentialsFile,
        @Nullable Path caFile,
        Duration timeout,
        int schemasMax) {
    /** The maximum number of addresses of one registry. */
    public static final int URLS_MAX = 8;

    public SchemaRegistrySettings {
        urls = List.copyOf(urls);
    }
}
