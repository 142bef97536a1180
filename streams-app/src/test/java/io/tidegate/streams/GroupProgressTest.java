package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.config.SettingsLoader;
import io.tidegate.contract.Topics;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class GroupProgressTest {
    private static final Topics TOPICS =
            SettingsLoader.load(null, Map.of(), Map.of()).topics();

    @Test
    void theLagOfAStageIsThatOfAllItsInputsWhicheverInstanceOwnsThem() {
        TopicPartition withoutOwner = new TopicPartition(TOPICS.byTenant(), 3);
        GroupProgress progress = new GroupProgress(
                TOPICS,
                Map.of(
                        new TopicPartition(TOPICS.signals().get(0), 0),
                        5L,
                        new TopicPartition(TOPICS.byTenant(), 0),
                        7L,
                        withoutOwner,
                        11L,
                        new TopicPartition(TOPICS.commands(), 3),
                        2L),
                Set.of(withoutOwner));

        assertThat(progress.lag(GroupProgress.ROUTE)).isEqualTo(5);
        assertThat(progress.lag(GroupProgress.ADMIT)).isEqualTo(20);
        assertThat(progress.lag(GroupProgress.ADMIT, 3)).isEqualTo(13);
        assertThat(progress.totalLag()).isEqualTo(25);
        assertThat(progress.stageOf(withoutOwner)).isEqualTo(GroupProgress.ADMIT);
    }

    /** The task has the state, and answers for its shard. */
    @Test
    void aTaskOfBothStagesIsOneOfAdmit() {
        TopicPartition ingress = new TopicPartition(TOPICS.signals().get(0), 3);
        TopicPartition inner = new TopicPartition(TOPICS.byTenant(), 3);
        TopicPartition commands = new TopicPartition(TOPICS.commands(), 3);

        assertThat(GroupProgress.stageOfTask(TOPICS, Set.of(ingress))).isEqualTo(GroupProgress.ROUTE);
        assertThat(GroupProgress.stageOfTask(TOPICS, Set.of(inner, commands))).isEqualTo(GroupProgress.ADMIT);
        for (List<TopicPartition> order :
                List.of(List.of(ingress, inner, commands), List.of(commands, inner, ingress))) {
            assertThat(GroupProgress.stageOfTask(TOPICS, order)).isEqualTo(GroupProgress.ADMIT);
        }
    }

    @Test
    void beforeTheFirstAnswerNothingIsKnown() {
        assertThat(GroupProgress.UNKNOWN.isKnown()).isFalse();
        assertThat(GroupProgress.UNKNOWN.totalLag()).isZero();
        assertThat(GroupProgress.UNKNOWN.lag(new TopicPartition("signals", 0))).isNull();
    }
}
