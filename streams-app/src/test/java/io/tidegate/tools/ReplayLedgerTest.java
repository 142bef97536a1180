package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.admin.AdminException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ReplayLedgerTest {
    private static final String TOPIC = "Rj2kX0pQTdyJ6nRkA1hVbw";

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void holdsPositionsBeyondTheIntegersOfJava() {
        long first = 5_000_000_000L;
        ReplayLedger ledger = new ReplayLedger(Map.of(0, first, 1, 0L), TOPIC);

        for (long offset : new long[] {first, first + 1, first + 3_000_000_000L, Long.MAX_VALUE}) {
            ledger.add(ReplayLedger.key(0, offset), ledger.value());
            assertThat(ledger.contains(0, offset)).isTrue();
            assertThat(ledger.contains(0, offset - 1)).isEqualTo(offset == first + 1);
            assertThat(ledger.contains(1, offset)).isFalse();
        }
    }

    @Test
    void dropsPositionsThatTheTopicNoLongerHolds() {
        ReplayLedger ledger = new ReplayLedger(Map.of(0, 100L), TOPIC, 1);

        for (long offset = 0; offset < 100; offset++) {
            ledger.add(ReplayLedger.key(0, offset), ledger.value());
        }
        ledger.add(ReplayLedger.key(7, 100), ledger.value());

        assertThat(ledger.contains(0, 99)).isFalse();
        assertThat(ledger.contains(7, 100)).isFalse();
    }

    @Test
    void skipsKeysThatAreNotItsOwn() {
        ReplayLedger ledger = new ReplayLedger(Map.of(0, 0L), TOPIC);

        ledger.add(null, ledger.value());
        for (String key : new String[] {"", "0", "0/", "/0", "0/x", "x/0", "0/1/2", "0/-1", "0/99999999999999999999"}) {
            ledger.add(bytes(key), ledger.value());
        }

        for (long offset = 0; offset < 10; offset++) {
            assertThat(ledger.contains(0, offset)).isFalse();
        }
    }

    @Test
    void endsWithAnExplanationBeforeItTakesTooMuchMemory() {
        ReplayLedger ledger = new ReplayLedger(Map.of(0, 0L), TOPIC, 2);
        ledger.add(ReplayLedger.key(0, 0), ledger.value());
        ledger.add(ReplayLedger.key(0, 10_000), ledger.value());
        ledger.add(ReplayLedger.key(0, 10_001), ledger.value());

        assertThatThrownBy(() -> ledger.add(ReplayLedger.key(0, 20_000), ledger.value()))
                .isInstanceOf(AdminException.class)
                .hasMessageContaining("retention");
    }

    @Test
    void dropsPositionsInAnEarlierTopicOfTheSameName() {
        ReplayLedger ledger = new ReplayLedger(Map.of(0, 0L), TOPIC);

        ledger.add(ReplayLedger.key(0, 1), new ReplayLedger(Map.of(), "Zq9LbEo3QzWcUe7sN5fGtA").value());
        ledger.add(ReplayLedger.key(0, 2), bytes(TOPIC));
        ledger.add(ReplayLedger.key(0, 3), null);
        ledger.add(ReplayLedger.key(0, 4), bytes("1")); // written before values named a topic

        assertThat(ledger.contains(0, 1)).isFalse();
        assertThat(ledger.contains(0, 2)).isTrue();
        assertThat(ledger.contains(0, 3)).isFalse();
        assertThat(ledger.contains(0, 4)).isTrue();
    }
}
