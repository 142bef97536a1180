package io.tidegate.admin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.config.Settings;
import io.tidegate.contract.TenantCommand;
import io.tidegate.contract.TenantPartitions;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes commands to {@code tenant-commands} and waits for the answer in {@code quota-events}. The tenant's owner writes the
 * answer when it has executed the command and committed.
 */
public final class CommandSender {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int WRITE_WITHIN_MS = 30_000;
    private static final int DELETE_ATTEMPTS_MAX = 20;
    private static final Duration DELETE_PAUSE = Duration.ofMillis(250);

    private final Settings settings;

    public CommandSender(Settings settings) {
        this.settings = settings;
    }

    /**
     * The answer to a command.
     *
     * @param done false if the command was rejected
     * @param events all events that it caused, the answer last
     */
    public record Answer(boolean done, List<JsonNode> events) {
        public JsonNode last() {
            return events.get(events.size() - 1);
        }
    }

    /**
     * Sends a command and waits for its answer.
     *
     * @param by the user or token that sends it, at most 200 bytes; the answer repeats it
     * @throws AdminException if no answer comes in time; the command stays in the topic, and is executed when an instance runs
     */
    public Answer send(TenantId tenant, TenantCommand command, String by, Duration within) {
        String id = UUID.randomUUID().toString();
        try (TopicReader events =
                new TopicReader(settings, List.of(settings.topics().events()))) {
            events.skipToEnd();
            write(tenant, command, by, id);
            long deadline = System.nanoTime() + within.toNanos();
            List<JsonNode> found = new ArrayList<>();
            events.follow(() -> isAnswered(found) || System.nanoTime() > deadline, event -> {
                if (id.equals(TidegateHeaders.text(event.headers(), TidegateHeaders.COMMAND_ID))) {
                    found.add(json(event));
                }
            });
            if (!isAnswered(found)) {
                throw new AdminException(
                        "no instance answered within %d s; the command is in %s and will be done when one runs"
                                .formatted(within.toSeconds(), settings.topics().commands()));
            }
            return new Answer(found.get(found.size() - 1).path("event").asText().equals("command_done"), found);
        }
    }

    /**
     * Requests the deletion of all data of a tenant whose config was removed. An instance rejects the command until it has read
     * the removal, so the command is repeated.
     */
    public Answer delete(TenantId tenant, String by, Duration within) {
        long deadline = System.nanoTime() + within.toNanos();
        Answer answer = send(tenant, new TenantCommand.DeleteTenant(), by, within);
        for (int attempt = 1; !answer.done() && attempt < DELETE_ATTEMPTS_MAX; attempt++) {
            Duration left = Duration.ofNanos(deadline - System.nanoTime() - DELETE_PAUSE.toNanos());
            if (left.isNegative()) {
                break;
            }
            try {
                Thread.sleep(DELETE_PAUSE.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AdminException("waiting for the deletion was interrupted", e);
            }
            answer = send(tenant, new TenantCommand.DeleteTenant(), by, left);
        }
        return answer;
    }

    private static boolean isAnswered(List<JsonNode> events) {
        return !events.isEmpty()
                && events.get(events.size() - 1).path("event").asText().startsWith("command_");
    }

    private static JsonNode json(ConsumerRecord<byte[], byte[]> event) {
        try {
            return JSON.readTree(event.value());
        } catch (IOException e) {
            throw new AdminException("a record of %s is not JSON".formatted(event.topic()), e);
        }
    }

    private void write(TenantId tenant, TenantCommand command, String by, String id) {
        String topic = settings.topics().commands();
        Map<String, Object> config = settings.clientConfig();
        config.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, WRITE_WITHIN_MS);
        config.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, WRITE_WITHIN_MS);
        config.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, WRITE_WITHIN_MS / 3);
        config.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            int partition = TenantPartitions.of(
                    tenant, settings.shards(), producer.partitionsFor(topic).size());
            var record = new ProducerRecord<>(topic, partition, tenant.key(), command.json());
            TidegateHeaders.set(record.headers(), TidegateHeaders.COMMAND_ID, id);
            TidegateHeaders.set(record.headers(), TidegateHeaders.BY, by);
            var unused = producer.send(record).get();
        } catch (ExecutionException e) {
            throw failed(topic, e.getCause());
        } catch (KafkaException e) {
            throw failed(topic, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("writing was interrupted", e);
        }
    }

    private AdminException failed(String topic, Throwable cause) {
        return new AdminException(
                "writing to %s on %s failed: %s".formatted(topic, settings.bootstrapServers(), cause.getMessage()),
                cause);
    }
}
