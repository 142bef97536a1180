package io.tidegate.topologytests.support;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Changes to topics while an instance runs, and their effects. */
public final class TopicAdmin {
    private static final int WITHIN_S = 180;

    private TopicAdmin() {}

    /** Changes a setting of a topic, and waits until a broker has read the change. */
    public static void set(Admin admin, String topic, String setting, String value) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        AlterConfigOp op = new AlterConfigOp(new ConfigEntry(setting, value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(op))).all().get(WITHIN_S, TimeUnit.SECONDS);
        TidegateProcess.await(Duration.ofSeconds(WITHIN_S), "the setting " + setting, () -> "", () -> {
            try {
                ConfigEntry now = admin.describeConfigs(List.of(resource))
                        .all()
                        .get(WITHIN_S, TimeUnit.SECONDS)
                        .get(resource)
                        .get(setting);
                return now != null && value.equals(now.value());
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    /** Creates topics, and waits until each of their partitions has a leader that answers. */
    public static void create(Admin admin, NewTopic... topics) throws Exception {
        var created = admin.createTopics(List.of(topics));
        Map<TopicPartition, OffsetSpec> partitions = new HashMap<>();
        for (NewTopic topic : topics) {
            int count = created.numPartitions(topic.name()).get(WITHIN_S, TimeUnit.SECONDS);
            for (int partition = 0; partition < count; partition++) {
                partitions.put(new TopicPartition(topic.name(), partition), OffsetSpec.earliest());
            }
        }
        TidegateProcess.await(Duration.ofSeconds(WITHIN_S), "the new topics to have leaders", () -> "", () -> {
            try {
                admin.listOffsets(partitions).all().get(WITHIN_S, TimeUnit.SECONDS);
                return true;
            } catch (ExecutionException e) {
                if (e.getCause() instanceof UnknownTopicOrPartitionException) {
                    return false;
                }
                throw new AssertionError(e);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    /** Deletes a topic, and waits until the brokers no longer list it. */
    public static void delete(Admin admin, String topic) throws Exception {
        admin.deleteTopics(List.of(topic)).all().get(WITHIN_S, TimeUnit.SECONDS);
        TidegateProcess.await(Duration.ofSeconds(WITHIN_S), "the topic to be gone", () -> "", () -> {
            try {
                return !admin.listTopics()
                        .names()
                        .get(WITHIN_S, TimeUnit.SECONDS)
                        .contains(topic);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    /** The offset of the first record that was not deleted. */
    public static long beginning(Admin admin, TopicPartition partition) {
        try {
            return admin.listOffsets(Map.of(partition, OffsetSpec.earliest()))
                    .partitionResult(partition)
                    .get(WITHIN_S, TimeUnit.SECONDS)
                    .offset();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
