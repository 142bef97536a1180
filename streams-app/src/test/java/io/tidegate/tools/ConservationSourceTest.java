package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ConservationSourceTest {
    @Test
    void theMemoryOfAPartitionDoublesUpToTheLongestArray() {
        assertThat(ConservationCheck.Source.grown(1024, 1024)).isEqualTo(2048);
        assertThat(ConservationCheck.Source.grown(1024, 5000)).isEqualTo(5001);
        assertThat(ConservationCheck.Source.grown(1 << 30, 1 << 30)).isEqualTo(Integer.MAX_VALUE - 8);
    }
}
