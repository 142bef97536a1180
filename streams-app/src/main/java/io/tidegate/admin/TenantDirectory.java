package io.tidegate.admin;

import io.tidegate.admission.TenantUsage;
import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * Tenants' configs and usage, as Kafka has them: configs from {@code tenant-configs}, usage from the changelog of the
 * state that decisions are made over. So it is right with any number of instances, also with none running.
 */
public final class TenantDirectory {
    private static final int WRITE_WITHIN_MS = 30_000;

    private final Settings settings;

    public TenantDirectory(Settings settings) {
        this.settings = settings;
    }

    /**
     * A config that is in the topic.
     *
     * @param config the limits; null where the record is not a config, or one of another tenant than its key's
     * @param offset the record's offset in {@code tenant-configs}
     */
    public record Stored(@Nullable TenantConfig config, long offset) {}

    /** All tenants that have a config. */
    public Map<TenantId, Stored> configs() {
        return TopicReader.table(
                settings,
                settings.topics().configs(),
                record -> record.key() == null ? null : TenantId.tryParse(record.key()),
                TenantDirectory::stored);
    }

    private static Stored stored(ConsumerRecord<byte[], byte[]> record) {
        try {
            TenantConfig config = TenantConfigJson.parseStored(record.value());
            boolean ofItsKey = config.tenantId().equals(TenantId.tryParse(record.key()));
            return new Stored(ofItsKey ? config : null, record.offset());
        } catch (IllegalArgumentException e) {
            return new Stored(null, record.offset());
        }
    }

    /** All tenants that were ever decided on; as of the last commit. Empty where no instance has run. */
    public Map<TenantId, TenantUsage> usages() {
        Map<TenantId, TenantUsage> usages = new TreeMap<>();
        try (TopicReader reader = usageReader()) {
            reader.readToEnd(record -> put(usages, record));
        } catch (AdminException e) {
            if (e.getCause() != null) {
                throw e;
            }
            return Map.of(); // the changelog is made when the first instance starts
        }
        return usages;
    }

    /** For following the usage of all tenants while it changes: each record goes to {@link #put}. */
    public TopicReader usageReader() {
        return new TopicReader(settings, List.of(settings.applicationId() + "-usage-changelog"));
    }

    /** Applies a record of {@link #usageReader}. */
    public static void put(Map<TenantId, TenantUsage> usages, ConsumerRecord<byte[], byte[]> record) {
        TenantId tenant = TenantId.of(ByteBuffer.wrap(record.key()).getLong());
        if (record.value() == null) {
            usages.remove(tenant);
        } else {
            usages.put(tenant, TenantUsage.read(record.value()));
        }
    }

    /**
     * Writes a config; returns when it is in the topic.
     *
     * @return its offset, which refusals name as {@code tidegate.config_offset}
     */
    public long put(TenantConfig config) {
        return write(Map.of(config.tenantId(), Optional.of(config)));
    }

    /** Writes many configs; returns when all are in the topic. */
    public void putAll(Collection<TenantConfig> configs) {
        Map<TenantId, Optional<TenantConfig>> changes = new TreeMap<>();
        configs.forEach(config -> changes.put(config.tenantId(), Optional.of(config)));
        write(changes);
    }

    /** Removes a tenant's config; the tenant is unknown then. */
    public long remove(TenantId tenant) {
        return write(Map.of(tenant, Optional.empty()));
    }

    /** Returns the last offset. */
    private long write(Map<TenantId, Optional<TenantConfig>> changes) {
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, WRITE_WITHIN_MS);
        config.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, WRITE_WITHIN_MS);
        config.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, WRITE_WITHIN_MS / 3);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        String topic = settings.topics().configs();
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            changes.forEach((tenant, change) -> sent.add(producer.send(new ProducerRecord<>(
                    topic, tenant.key(), change.map(TenantConfigJson::write).orElse(null)))));
            long offset = -1;
            for (Future<RecordMetadata> one : sent) {
                offset = one.get().offset();
            }
            return offset;
        } catch (ExecutionException e) {
            throw new AdminException(
                    "writing to %s on %s failed: %s"
                            .formatted(
                                    topic,
                                    settings.bootstrapServers(),
                                    e.getCause().getMessage()),
                    e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("writing was interrupted", e);
        }
    }
}
