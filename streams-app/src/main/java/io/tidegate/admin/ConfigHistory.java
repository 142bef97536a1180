package io.tidegate.admin;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The last changes of one tenant's config, oldest first. Stored as a header of the tenant's newest record in {@code
 * tenant-configs}, so it is written atomically with the config, and compaction keeps it as long as the config. Bounded;
 * immutable.
 */
public final class ConfigHistory {
    /**
     * JSON: {@code {"version":1,"changes":[{"at":…,"by":…,"from":…,"to":…,"offset":…}]}}. {@code offset} is that of the record,
     * if known.
     */
    public static final String HEADER = "tidegate.history";

    /** The number of changes kept. */
    public static final int CHANGES_MAX = 20;

    private static final int VERSION = 1;
    private static final JsonMapper JSON = new JsonMapper();

    /** The history of a tenant that was never changed, or whose records have none. */
    public static final ConfigHistory NONE = new ConfigHistory(List.of());

    /**
     * One change.
     *
     * @param at the time, by the writer's clock
     * @param by the name of the token, or the user of the command line
     * @param from the config before; null = none
     * @param to the config after; null = removed
     * @param offset the offset of the record that made the change; -1 if unknown
     */
    public record Change(
            Instant at,
            String by,
            @Nullable TenantConfig from,
            @Nullable TenantConfig to,
            long offset) {}

    private final List<Change> changes;

    private ConfigHistory(List<Change> changes) {
        this.changes = List.copyOf(changes);
    }

    /** Returns the changes, oldest first. */
    public List<Change> changes() {
        return changes;
    }

    /**
     * Returns the config before a change.
     *
     * @param offset the offset of the change's record; null = the newest change
     * @return null if there was none
     * @throws IllegalArgumentException if the change is unknown
     */
    public @Nullable TenantConfig before(@Nullable Long offset) {
        if (offset == null && !changes.isEmpty()) {
            return changes.get(changes.size() - 1).from();
        }
        for (Change change : changes) {
            if (offset != null && change.offset() == offset) {
                return change.from();
            }
        }
        throw new IllegalArgumentException(
                offset == null ? "no change is known" : "no change at config offset %d is known".formatted(offset));
    }

    /** Returns this history with one more change; drops the oldest if there are too many. */
    ConfigHistory with(Change change) {
        List<Change> more = new ArrayList<>(changes);
        more.add(change);
        return new ConfigHistory(more.subList(Math.max(0, more.size() - CHANGES_MAX), more.size()));
    }

    /** Reads the history in a record's headers. An unreadable history counts as none; the config is valid all the same. */
    static ConfigHistory in(Headers headers, long offset) {
        Header header = headers.lastHeader(HEADER);
        if (header == null || header.value() == null) {
            return NONE;
        }
        try {
            StoredHistory stored = JSON.readValue(header.value(), StoredHistory.class);
            if (stored.version() != VERSION || stored.changes() == null) {
                return NONE;
            }
            List<Change> changes = new ArrayList<>();
            for (StoredChange change : stored.changes()) {
                changes.add(change.read());
            }
            if (!changes.isEmpty()) {
                Change last = changes.remove(changes.size() - 1);
                changes.add(new Change(last.at(), last.by(), last.from(), last.to(), offset));
            }
            return new ConfigHistory(changes);
        } catch (IOException | RuntimeException e) {
            return NONE;
        }
    }

    void addTo(Headers headers) {
        try {
            StoredHistory stored = new StoredHistory(
                    VERSION, changes.stream().map(StoredChange::of).toList());
            headers.remove(HEADER).add(HEADER, JSON.writeValueAsBytes(stored));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a history is always writable", e);
        }
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    private record StoredHistory(
            @JsonProperty("version") int version,
            @JsonProperty("changes") List<StoredChange> changes) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record StoredChange(
            @JsonProperty("at") String at,
            @JsonProperty("by") String by,
            @JsonProperty("from") @Nullable JsonNode from,
            @JsonProperty("to") @Nullable JsonNode to,
            @JsonProperty("offset") long offset) {
        static StoredChange of(Change change) {
            return new StoredChange(
                    change.at().toString(), change.by(), json(change.from()), json(change.to()), change.offset());
        }

        Change read() {
            return new Change(Instant.parse(at), by, config(from), config(to), offset);
        }

        private static @Nullable JsonNode json(@Nullable TenantConfig config) {
            try {
                return config == null ? null : JSON.readTree(TenantConfigJson.write(config));
            } catch (IOException e) {
                throw new IllegalStateException("a config is always readable", e);
            }
        }

        private static @Nullable TenantConfig config(@Nullable JsonNode json) {
            return json == null || json.isNull()
                    ? null
                    : TenantConfigJson.parseStored(json.toString().getBytes(StandardCharsets.UTF_8));
        }
    }
}
