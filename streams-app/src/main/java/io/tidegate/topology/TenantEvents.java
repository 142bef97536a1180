package io.tidegate.topology;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.EntityKind;
import io.tidegate.admission.QuotaWatch.Crossing;
import io.tidegate.contract.TenantCommand;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantStates.Removal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;
import org.jspecify.annotations.Nullable;

/** Builds the records of {@code quota-events}; {@code docs/quota-events.md} describes them. */
final class TenantEvents {
    static final String COMMAND_DONE = "command_done";
    static final String COMMAND_FAILED = "command_failed";

    private static final JsonMapper JSON = new JsonMapper();

    /**
     * The sender of a command, from the command's headers.
     *
     * @param commandId the id that the sender gave the command
     * @param name the user or token
     */
    record Sender(@Nullable String commandId, @Nullable String name) {
        static final Sender NONE = new Sender(null, null);

        private static final int BYTES_MAX = 200;

        static Sender of(Headers headers) {
            return new Sender(text(headers, TidegateHeaders.COMMAND_ID), text(headers, TidegateHeaders.BY));
        }

        /** Anyone who may write commands can send a text of any size, which would be repeated on events. */
        private static @Nullable String text(Headers headers, String name) {
            byte[] bytes = TidegateHeaders.bytes(headers, name);
            return bytes == null || bytes.length > BYTES_MAX ? null : TidegateHeaders.text(headers, name);
        }
    }

    private TenantEvents() {}

    static Record<TenantKey, byte[]> crossing(TenantId tenant, Crossing crossing, long configOffset, long atMs) {
        ObjectNode json = event(crossing.rising() ? "quota_reached" : "quota_left", tenant, atMs)
                .put("quota", crossing.quota().id())
                .put("level", crossing.level())
                .put("level_before", crossing.levelBefore())
                .put("percent", crossing.share())
                .put("used", crossing.used());
        if (crossing.signal() != null) {
            json.put("signal", crossing.signal());
        }
        if (crossing.limit() >= 0) {
            json.put("limit", crossing.limit());
        } else {
            json.putNull("limit");
        }
        if (configOffset >= 0) {
            json.put("config_offset", configOffset);
        }
        return record(tenant, json, Sender.NONE, atMs);
    }

    static Record<TenantKey, byte[]> deleted(TenantId tenant, Removal removal, Sender sender, long atMs) {
        ObjectNode json = event("tenant_deleted", tenant, atMs)
                .put("next_seq", removal.nextSeq())
                .put("segments", removal.segments().size())
                .put("bytes", removal.bytes());
        ObjectNode entities = json.putObject("entities");
        for (EntityKind kind : EntityKind.values()) {
            entities.put(kind.id(), removal.usage().entityCount(kind));
        }
        json.put("accepted", removal.usage().acceptedCount())
                .put("accepted_bytes", removal.usage().acceptedBytes());
        return record(tenant, json, sender, atMs);
    }

    /** Returns the common part of the answer to a completed command; the caller adds its results. */
    static ObjectNode done(TenantId tenant, TenantCommand command, long atMs) {
        return event(COMMAND_DONE, tenant, atMs).put("command", command.name());
    }

    /** @param tenant null if the command's key is not a tenant's */
    static Record<TenantKey, byte[]> failed(@Nullable TenantId tenant, String why, Sender sender, long atMs) {
        ObjectNode json = event(COMMAND_FAILED, tenant, atMs).put("message", why);
        return record(tenant == null ? TenantId.DEFAULT : tenant, json, sender, atMs);
    }

    static Record<TenantKey, byte[]> record(TenantId tenant, ObjectNode json, Sender sender, long atMs) {
        RecordHeaders headers = new RecordHeaders();
        if (sender.commandId() != null) {
            TidegateHeaders.set(headers, TidegateHeaders.COMMAND_ID, sender.commandId());
        }
        if (sender.name() != null) {
            json.put("by", sender.name());
        }
        byte[] value = json.toString().getBytes(StandardCharsets.UTF_8);
        return new Record<>(new TenantKey(tenant, tenant.key()), value, atMs, headers);
    }

    private static ObjectNode event(String event, @Nullable TenantId tenant, long atMs) {
        ObjectNode json = JSON.createObjectNode().put("event", event);
        if (tenant == null) {
            json.putNull("tenant_id");
        } else {
            json.put("tenant_id", new BigInteger(tenant.decimal()));
        }
        return json.put("at", Instant.ofEpochMilli(atMs).toString());
    }
}
