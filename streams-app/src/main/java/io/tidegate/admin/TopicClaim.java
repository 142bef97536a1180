package io.tidegate.admin;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.config.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.jspecify.annotations.Nullable;

/**
 * A record of the topic {@code tidegate-owners}, which states that an application uses a topic. The key is {@code <topic
 * id>/<application.id>}, so a topic that is deleted and created again has no owner, even under the same name.
 *
 * @param version of this format
 * @param topic the topic's name
 * @param topicId the topic's id, which no other topic ever has
 * @param role the purpose for which the application uses it
 * @param application the {@code application.id}
 * @param region the application's region; null if it has none
 * @param shards the application's number of shards, on {@code signals-accepted}; null on other topics, and in claims of
 *     versions that did not record it
 * @param ingress {@code ingress.partitioning} of the application, on {@code signals-accepted}; null for {@code any}
 * @param settings the {@linkplain Settings#deciding deciding} settings, other than defaults, of the instance that started last,
 *     on {@code signals-accepted}; null if all are defaults
 * @param replacement true if {@code signals-accepted} replaced an earlier topic of the same name, so that it lacks the first records
 *     of tenants; null otherwise
 * @param configsId the id of the topic with tenants' configs, on {@code signals-accepted}: no application owns that topic, so it has no
 *     claim; null on other topics, and in claims of versions that did not record it
 * @param claimedAt when the application first used the topic
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
record TopicClaim(
        @JsonProperty("v") int version,
        @JsonProperty("topic") String topic,
        @JsonProperty("topic_id") String topicId,
        @JsonProperty("role") String role,
        @JsonProperty("application") String application,
        @JsonProperty("region") @Nullable String region,
        @JsonProperty("shards") @Nullable Integer shards,
        @JsonProperty("ingress") @Nullable String ingress,
        @JsonProperty("settings") @Nullable Map<String, String> settings,
        @JsonProperty("replacement") @Nullable Boolean replacement,
        @JsonProperty("configs_id") @Nullable String configsId,
        @JsonProperty("claimed_at") String claimedAt) {
    static final int VERSION = 1;
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * @param replacement whether the application used an earlier topic of this name
     * @param configsId the id of the topic with tenants' configs; null if it is unknown
     */
    static TopicClaim of(
            TopicState topic, Settings settings, boolean replacement, @Nullable String configsId, String now) {
        boolean isOfState = topic.role() == TopicRole.ACCEPTED;
        Map<String, String> deciding = settings.decidingIfNotDefault();
        return new TopicClaim(
                VERSION,
                topic.name(),
                topic.id().toString(),
                topic.role().title(),
                settings.applicationId(),
                settings.region(),
                isOfState ? settings.shards() : null,
                isOfState && settings.keyedIngress() ? settings.ingressPartitioning() : null,
                isOfState && !deciding.isEmpty() ? deciding : null,
                (isOfState && replacement) ? true : null,
                isOfState ? configsId : null,
                now);
    }

    /** Returns the {@code ingress.partitioning} of the application. */
    String ingressPartitioning() {
        return ingress == null ? Settings.UNKEYED : ingress;
    }

    /** Returns the deciding settings of the instance that started last. */
    Map<String, String> deciding() {
        Map<String, String> all = new TreeMap<>(Settings.decidingByDefault());
        if (settings != null) {
            all.putAll(settings);
        }
        return all;
    }

    boolean isOnReplacement() {
        return Boolean.TRUE.equals(replacement);
    }

    String key() {
        return topicId + "/" + application;
    }

    boolean isOn(Uuid id) {
        return topicId.equals(id.toString());
    }

    byte[] json() {
        try {
            return JSON.writeValueAsBytes(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** @return null if this version cannot read the claim, or the claim does not match its key */
    static @Nullable TopicClaim parse(String key, byte[] value) {
        try {
            TopicClaim claim = JSON.readValue(value, TopicClaim.class);
            boolean whole = claim != null
                    && claim.version == VERSION
                    && claim.topic != null
                    && claim.topicId != null
                    && claim.role != null
                    && claim.application != null
                    && claim.claimedAt != null;
            return whole && claim.key().equals(key) ? claim : null;
        } catch (IOException e) {
            return null;
        }
    }

    /** Returns the owner, for messages. */
    String owner() {
        return region == null ? application : "%s (region %s)".formatted(application, region);
    }

    @Override
    public String toString() {
        return new String(json(), StandardCharsets.UTF_8);
    }
}
