package io.tidegate.streams;

import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Detects transactions of producers that stay open in the ingress topics. All signals behind one wait, whatever their
 * tenant, because Tidegate reads committed records only; brokers end it when it times out. Each is reported once, when
 * two consecutive checks find it open. Only one thread calls {@link #look}.
 */
final class IngressTransactions {
    private static final Logger LOG = LoggerFactory.getLogger(IngressTransactions.class);

    private Set<Key> seen = Set.of();
    private Set<Key> reported = Set.of();
    private volatile int blocking;

    /** Identifies a transaction, which stays the same while its producer writes more. */
    private record Key(String partition, long producerId, long startOffset) {
        static Key of(OpenTransactions.OpenTransaction one) {
            return new Key(one.partition().toString(), one.producerId(), one.startOffset());
        }
    }

    void look(OpenTransactions transactions, long nowMs) {
        Set<Key> now = new HashSet<>();
        Set<Key> stay = new HashSet<>();
        for (OpenTransactions.OpenTransaction one : transactions.lookAtIngress()) {
            Key key = Key.of(one);
            now.add(key);
            if (!seen.contains(key)) {
                continue;
            }
            stay.add(key);
            if (!reported.contains(key)) {
                LOG.warn(
                        "a producer's transaction stays open: signals of all tenants behind it wait until it ends or"
                                + " times out (transaction.timeout.ms of the producer); tidegate doctor names the"
                                + " command that aborts it partition={} offset={} producer_id={} transactional_id={}"
                                + " idle_ms={}",
                        one.partition(),
                        one.startOffset(),
                        one.producerId(),
                        transactions.transactionalIdOf(one.producerId()),
                        Math.max(0, nowMs - one.lastTimestampMs()));
            }
        }
        seen = now;
        reported = stay;
        blocking = stay.size();
    }

    int blocking() {
        return blocking;
    }
}
