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
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;
import org.jspecify.annotations.Nullable;

/** Builds the records of {@code quota-events}; {@code docs/quota-events.md} describes them. */
final class TenantEvents {
    static final String COMMAND_DONE = "command_done";
    static final String COMMAND_FAILED = "command_failed";

    private static final JsonMapper JSON = new JsonMapper();

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
        return record(tenant, json, null, atMs);
    }

    static Record<TenantKey, byte[]> deleted(TenantId tenant, Removal removal, @Nullable String id, long atMs) {
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
        return record(tenant, json, id, atMs);
    }

    /** Returns the common part of the answer to a completed command; the caller adds its results. */
    static ObjectNode done(TenantId tenant, TenantCommand command, long atMs) {
        return event(COMMAND_DONE, tenant, atMs).put("command", command.name());
    }

    /** @param tenant null if the command's key is not a tenant's */
    static Record<TenantKey, byte[]> failed(@Nullable TenantId tenant, String why, @Nullable String id, long atMs) {
        ObjectNode json = event(COMMAND_FAILED, tenant, atMs).put("message", why);
        return record(tenant == null ? TenantId.DEFAULT : tenant, json, id, atMs);
    }

    static Record<TenantKey, byte[]> record(TenantId tenant, ObjectNode json, @Nullable String id, long atMs) {
        RecordHeaders headers = new RecordHeaders();
        if (id != null) {
            TidegateHeaders.set(headers, TidegateHeaders.COMMAND_ID, id);
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
