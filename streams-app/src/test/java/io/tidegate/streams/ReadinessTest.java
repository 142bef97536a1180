package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.StreamsConfig;
import org.junit.jupiter.api.Test;

/** Which records may be processed, and how this is passed to consumers. */
final class ReadinessTest {
    private static final TopicPartition SIGNALS = new TopicPartition("signals", 3);

    private final Readiness readiness = new Readiness(List.of("signals"));

    private static ConsumerRecord<byte[], byte[]> record(long offset) {
        return new ConsumerRecord<>("signals", 3, offset, null, new byte[0]);
    }

    @Test
    void kafkaStreamsPassesItToTheMainConsumerOnly() {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:1");
        config.put(Readiness.KEY, readiness);
        StreamsConfig streams = new StreamsConfig(config);

        assertThat(streams.getMainConsumerConfigs("app", "client", 0).get(Readiness.CONSUMER_KEY))
                .isSameAs(readiness);
        assertThat(streams.getRestoreConsumerConfigs("client").get(Readiness.CONSUMER_KEY))
                .isNull();
        assertThat(streams.getGlobalConsumerConfigs("client").get(Readiness.CONSUMER_KEY))
                .isNull();
    }

    @Test
    void concernsNothingUntilItHasARule() {
        assertThat(readiness.concernsNothing()).isTrue();
        assertThat(readiness.concerns(SIGNALS)).isFalse();

        readiness.decidedBy(record -> false);

        assertThat(readiness.concernsNothing()).isFalse();
        assertThat(readiness.concerns(SIGNALS)).isTrue();
        assertThat(readiness.concerns(new TopicPartition("signals-by-tenant", 3)))
                .isFalse();
        assertThat(new Readiness(List.of()).concernsNothing()).isTrue();
    }

    @Test
    void countsUpToTheFirstRecordThatIsNotReadyAndPreparesAll() {
        List<Long> asked = new ArrayList<>();
        readiness.decidedBy(record -> {
            asked.add(record.offset());
            return record.offset() != 1;
        });
        List<ConsumerRecord<byte[], byte[]>> records = List.of(record(0), record(1), record(2));

        assertThat(readiness.countReady(records)).isEqualTo(1);
        assertThat(asked).containsExactly(0L, 1L);
        asked.clear();
        readiness.prepare(records);
        assertThat(asked).containsExactly(0L, 1L, 2L);
    }
}
