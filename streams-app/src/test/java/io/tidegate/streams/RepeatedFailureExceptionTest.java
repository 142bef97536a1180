package io.tidegate.streams;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.common.errors.InvalidRequestException;
import org.junit.jupiter.api.Test;

class RepeatedFailureExceptionTest {
    @Test
    void namesTheRootWithoutItsFullStop() {
        Throwable last = new IllegalStateException("outer", new IllegalArgumentException("inner."));

        assertThat(new RepeatedFailureException(last))
                .hasMessageContaining("the last time with: IllegalArgumentException: inner. Each time")
                .hasMessageEndingWith("Once the cause is fixed, start the instance again: nothing is lost");
    }

    @Test
    void namesTheWayOutOfATopologyThatTheBrokersKeep() {
        Throwable last = new InvalidRequestException("Topology updates are not supported yet.");

        assertThat(new RepeatedFailureException(last))
                .hasMessageContaining("ingress.partitioning")
                .hasMessageContaining("group.protocol=classic")
                .hasMessageEndingWith("Then, start the instance again: nothing is lost");
    }
}
