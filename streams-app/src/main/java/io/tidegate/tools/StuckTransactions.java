package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import io.tidegate.config.Settings;
import io.tidegate.streams.OpenTransactions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;

/**
 * Finds transactions that stay open because nothing will end them. A reader of committed records waits behind such a
 * transaction indefinitely. In the topic of group offsets, it stops an instance without any error.
 *
 * <p>The brokers abort Tidegate's transactions after seconds. So a transaction is stuck if its last record is old and it is
 * still the same a little later. The second look happens only if the first finds candidates, because the records of a backlog
 * are old too.
 */
final class StuckTransactions {
    static final Duration OLD = Duration.ofSeconds(60);
    private static final Duration SECOND_LOOK_AFTER = Duration.ofSeconds(5);

    private final OpenTransactions transactions;

    StuckTransactions(Admin admin, Settings settings) {
        transactions = new OpenTransactions(admin, settings.topics(), settings.applicationId());
    }

    /** @throws AdminException if the brokers do not answer, for example because the topics may not be read */
    List<OpenTransactions.OpenTransaction> find() {
        try {
            Set<OpenTransactions.OpenTransaction> first = old();
            if (first.isEmpty()) {
                return List.of();
            }
            Thread.sleep(SECOND_LOOK_AFTER.toMillis());
            return old().stream().filter(first::contains).toList();
        } catch (KafkaException e) {
            throw new AdminException("looking for stuck transactions failed: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("looking for stuck transactions was interrupted", e);
        }
    }

    private Set<OpenTransactions.OpenTransaction> old() {
        long before = System.currentTimeMillis() - OLD.toMillis();
        return transactions.look().stream()
                .filter(one -> one.lastTimestampMs() < before)
                .collect(Collectors.toSet());
    }
}
