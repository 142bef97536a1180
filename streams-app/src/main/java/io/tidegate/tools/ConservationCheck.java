package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.TopicReader;
import io.tidegate.config.Settings;
import io.tidegate.contract.NumberedKey;
import io.tidegate.contract.Residency;
import io.tidegate.contract.Router;
import io.tidegate.contract.Router.Route;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.contract.Topics;
import io.tidegate.schemas.RegistrySchemas;
import io.tidegate.signal.Defect;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalReader;
import io.tidegate.wal.WalRecord;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/**
 * The check that every signal ended in exactly one place: reads the ingress topics, all outcomes and the WAL, and
 * matches them record by record by source position.
 *
 * <p>Only what every side can still know is judged: source positions that the ingress topic no longer has are left out.
 * Memory: about five bytes for each signal that the topic holds.
 */
public final class ConservationCheck {
    /** Findings that are listed one by one; the rest is counted. */
    private static final int FINDINGS_MAX = 100;

    private static final Duration SETTLE_STEP = Duration.ofMillis(200);

    /** One tenant's sums. */
    public static final class Account {
        private long in;
        private long accepted;
        private long inWal;
        private long pruned;
        private long deadLettered;
        private long forwarded;
        private final Map<String, Long> rejected = new TreeMap<>();

        public long in() {
            return in;
        }

        public long accepted() {
            return accepted;
        }

        public long inWal() {
            return inWal;
        }

        /** Accepted, and no longer in the WAL because that was asked. */
        public long pruned() {
            return pruned;
        }

        public long deadLettered() {
            return deadLettered;
        }

        /** Sent on to another region. */
        public long forwarded() {
            return forwarded;
        }

        /** By reason. */
        public Map<String, Long> rejected() {
            return rejected;
        }

        public long rejectedCount() {
            return rejected.values().stream().mapToLong(Long::longValue).sum();
        }

        public boolean balanced() {
            return in == accepted + rejectedCount() + deadLettered + forwarded && accepted == inWal + pruned;
        }
    }

    /**
     * The result.
     *
     * @param accounts by tenant; records whose tenant cannot be told are under null's stand-in, {@code "?"}
     * @param findings what is wrong, the first {@value #FINDINGS_MAX}
     * @param findingCount how many there are
     */
    public record Balance(Map<String, Account> accounts, List<String> findings, long findingCount) {
        public boolean balanced() {
            return findingCount == 0;
        }
    }

    private enum Outcome {
        ACCEPTED,
        REJECTED,
        DEAD_LETTERED,
        FORWARDED
    }

    private static final String NOBODY = "?";

    private final Settings settings;
    private final Router router;
    private final Topics topics;
    private final Map<TopicPartition, Source> sources = new HashMap<>();
    private final Map<String, Account> accounts = new TreeMap<>(ConservationCheck::byNumber);
    private final Map<TenantId, Numbers> accepted = new HashMap<>();
    private final List<String> findings = new ArrayList<>();
    private long findingCount;

    /**
     * Holds the signals that refer to their tenant by a name until their outcome says who that was: configs change, so the name
     * can be another tenant's by now. What stays here came out nowhere.
     */
    private final Account byName = new Account();

    public ConservationCheck(Settings settings) {
        this.settings = settings;
        this.topics = settings.topics();
        this.router = new Router(
                settings.tenantSource(), new SignalReader(settings.signalMapping(), RegistrySchemas.in(settings)));
    }

    /** What is known of one ingress partition. */
    private static final class Source {
        final BitSet in = new BitSet();
        final BitSet out = new BitSet();
        final BitSet accepted = new BitSet();
        final BitSet wal = new BitSet();
        final BitSet pruned = new BitSet();
        private final long first;
        private Account[] owners = new Account[1024];

        Source(long first) {
            this.first = first;
        }

        void owner(int index, Account account) {
            if (index >= owners.length) {
                owners = Arrays.copyOf(owners, Math.max(index + 1, owners.length * 2));
            }
            owners[index] = account;
        }

        Account owner(int index) {
            return owners[index];
        }

        int index(long offset) {
            return Math.toIntExact(offset - first);
        }
    }

    /** A tenant's numbers in {@code signals-accepted}. */
    private static final class Numbers {
        long first = -1;
        long next = -1;

        /** Below it the WAL may have been pruned: the largest number asked for, as far as records had come. */
        long prunedBelow;

        /** Where the WAL begins; only of a tenant that was pruned. */
        long walBegins;
    }

    /**
     * Checks.
     *
     * @param dirs the data directories of all instances; a replica's copy may stand for another's
     * @param settleWithin how long signals that are on their way are waited for while none of them arrives
     * @param progress told what is being read
     */
    public Balance check(List<DataDir> dirs, Duration settleWithin, Consumer<String> progress) throws IOException {
        try (TopicReader signals = new TopicReader(settings, topics.signals());
                TopicReader outcomes = new TopicReader(settings, outcomeTopics())) {
            progress.accept("reading " + String.join(", ", topics.signals()));
            signals.beginnings().forEach((partition, first) -> sources.put(partition, new Source(first)));
            signals.readToEnd(this::signal);
            progress.accept("reading the outcomes");
            outcomes.readToEnd(this::outcome);
            StallDetector stall = new StallDetector(settleWithin);
            for (long missing = missing(); missing > 0 && stall.with(missing); missing = missing()) {
                progress.accept("waiting for %d signals that are on their way".formatted(missing));
                long stepEnd = System.nanoTime() + SETTLE_STEP.toNanos();
                outcomes.follow(() -> System.nanoTime() > stepEnd, this::outcome);
            }
            if (missing() > 0) {
                outcomes.beginnings().forEach(this::deleted);
            }
            progress.accept("reading the WAL");
            readWal(dirs, stall);
        }
        if (accepted.values().stream().anyMatch(numbers -> numbers.prunedBelow > 0)) {
            progress.accept("reading what was pruned");
            try (TopicReader again = new TopicReader(settings, List.of(topics.accepted()))) {
                again.readToEnd(this::pruned);
            }
        }
        compare();
        return new Balance(accounts, List.copyOf(findings), findingCount);
    }

    private List<String> outcomeTopics() {
        List<String> all = new ArrayList<>(List.of(topics.accepted(), topics.quotaExceeded(), topics.deadLetter()));
        all.addAll(settings.otherRegionsTopics());
        return all;
    }

    private Outcome outcomeIn(String topic) {
        if (topic.equals(topics.accepted())) {
            return Outcome.ACCEPTED;
        }
        if (topic.equals(topics.quotaExceeded())) {
            return Outcome.REJECTED;
        }
        return topic.equals(topics.deadLetter()) ? Outcome.DEAD_LETTERED : Outcome.FORWARDED;
    }

    private void signal(ConsumerRecord<byte[], byte[]> record) {
        Source source = sources.get(new TopicPartition(record.topic(), record.partition()));
        int index = source.index(record.offset());
        source.in.set(index);
        Route route = router.route(record.topic(), record.key(), record.value(), record.headers(), true);
        Account account = byName;
        if (route instanceof Route.ToTenant to) {
            account = account(to.tenant());
        } else if (route instanceof Route.ToDeadLetter letter && letter.defect() != Defect.TENANT_MISMATCH) {
            account = account(letter.tenant());
        }
        account.in++;
        source.owner(index, account);
    }

    private void outcome(ConsumerRecord<byte[], byte[]> record) {
        Outcome outcome = outcomeIn(record.topic());
        if (outcome == Outcome.FORWARDED && Residency.forwardedFrom(record.headers()) == null) {
            return; // another region's own
        }
        NumberedKey key = outcome == Outcome.ACCEPTED ? NumberedKey.tryParse(record.key()) : null;
        if (outcome == Outcome.ACCEPTED && key == null) {
            find("%s-%d@%d has a key that Tidegate does not write"
                    .formatted(record.topic(), record.partition(), record.offset()));
            return;
        }
        if (key != null && record.value() == null) {
            Numbers numbers = accepted.get(key.tenant());
            if (numbers != null) {
                long below = Math.min(key.seq(), numbers.next);
                numbers.prunedBelow = Math.max(numbers.prunedBelow, below);
            }
            return;
        }
        TenantId tenant;
        if (key != null) {
            tenant = key.tenant();
            number(key, record);
        } else if (outcome == Outcome.FORWARDED) {
            tenant = null; // as the signal itself says
        } else {
            String text = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
            tenant = text == null ? null : TenantId.tryParse(text);
        }
        SourcePosition position = outcome == Outcome.FORWARDED
                ? Residency.forwardedFrom(record.headers())
                : SourcePosition.in(record.headers());
        if (position == null) {
            find("%s-%d@%d carries no source position".formatted(record.topic(), record.partition(), record.offset()));
            return;
        }
        Source source = sources.get(new TopicPartition(position.topic(), position.partition()));
        if (source == null || position.offset() < source.first) {
            return; // older than what the ingress topic remembers
        }
        int index = source.index(position.offset());
        if (!source.in.get(index)) {
            // Came after the ingress topic was read; not part of this check.
            return;
        }
        if (source.out.get(index)) {
            find("%s came out twice, the second time as %s-%d@%d"
                    .formatted(position, record.topic(), record.partition(), record.offset()));
        }
        source.out.set(index);
        // A dead letter need not name its tenant; whatever names one must name the right one.
        Account account = source.owner(index);
        if (account == byName) {
            account = account(tenant);
            account.in++;
            byName.in--;
            source.owner(index, account);
        }
        if (tenant != null && account(tenant) != account) {
            find("%s is of another tenant than %s, which %s-%d@%d names"
                    .formatted(position, tenant, record.topic(), record.partition(), record.offset()));
        }
        switch (outcome) {
            case ACCEPTED -> {
                source.accepted.set(index);
                account.accepted++;
            }
            case REJECTED -> account.rejected.merge(reason(record.headers()), 1L, Long::sum);
            case DEAD_LETTERED -> account.deadLettered++;
            case FORWARDED -> account.forwarded++;
        }
    }

    /** Where an outcome may have been that was not found. */
    private void deleted(TopicPartition partition, long begins) {
        if (begins > 0) {
            find(
                    ("records of %s below %d were deleted: what seems to have come out nowhere may have come out there. Keep them"
                                    + " longer than signals (retention.ms)")
                            .formatted(partition, begins));
        }
    }

    private static String reason(Headers headers) {
        String reason = TidegateHeaders.text(headers, TidegateHeaders.REASON);
        return reason == null ? NOBODY : reason;
    }

    private void number(NumberedKey key, ConsumerRecord<byte[], byte[]> record) {
        Numbers numbers = accepted.computeIfAbsent(key.tenant(), tenant -> new Numbers());
        if (numbers.first < 0) {
            numbers.first = key.seq();
        } else if (key.seq() != numbers.next) {
            find("tenant %s: %s-%d@%d has the number %d, %d is expected"
                    .formatted(
                            key.tenant(),
                            record.topic(),
                            record.partition(),
                            record.offset(),
                            key.seq(),
                            numbers.next));
        }
        numbers.next = key.seq() + 1;
    }

    /** Which of the accepted records are rightly not in the WAL: those before its beginning, where that was pruned. */
    private void pruned(ConsumerRecord<byte[], byte[]> record) {
        SourcePosition position = record.value() == null ? null : SourcePosition.in(record.headers());
        NumberedKey key = NumberedKey.tryParse(record.key());
        if (key == null) {
            return;
        }
        Numbers numbers = accepted.get(key.tenant());
        Source source =
                position == null ? null : sources.get(new TopicPartition(position.topic(), position.partition()));
        if (numbers == null || source == null || position.offset() < source.first || key.seq() >= numbers.walBegins) {
            return;
        }
        int index = source.index(position.offset());
        if (source.accepted.get(index) && !source.wal.get(index) && !source.pruned.get(index)) {
            source.pruned.set(index);
            source.owner(index).pruned++;
        }
    }

    private long missing() {
        long missing = 0;
        for (Source source : sources.values()) {
            missing += source.in.cardinality() - source.out.cardinality();
        }
        return missing;
    }

    /** Ends when a number has not changed for a time: a long backlog that drains is no fault. */
    private static final class StallDetector {
        private final Duration within;
        private long last = -1;
        private long deadline;

        StallDetector(Duration within) {
            this.within = within;
        }

        boolean with(long number) {
            long now = System.nanoTime();
            if (number != last) {
                last = number;
                deadline = now + within.toNanos();
            }
            return now < deadline;
        }
    }

    /** Each tenant's WAL is read from the copy that reaches furthest. */
    private void readWal(List<DataDir> dirs, StallDetector stall) throws IOException {
        for (TenantId tenant : accepted.keySet()) {
            Numbers numbers = accepted.get(tenant);
            long expected = numbers.next;
            boolean complete = false;
            while (!complete) {
                DataDir best = furthest(dirs, tenant);
                // Where all is pruned there is no segment that could say where the log ends.
                long end = best == null ? numbers.prunedBelow : endOf(best, tenant);
                if (numbers.prunedBelow > 0) {
                    long begins =
                            best == null ? end : best.segments(tenant).first().firstSeq();
                    numbers.walBegins = Math.min(begins, numbers.prunedBelow);
                }
                complete = end >= expected || !stall.with(31 * tenant.bits() + end);
                if (!complete) {
                    pause();
                    continue;
                }
                if (best != null) {
                    readWal(best, tenant);
                }
                if (end < expected) {
                    find("tenant %s: the WAL ends before %d, signals-accepted before %d"
                            .formatted(tenant, end, expected));
                }
            }
        }
        Set<TenantId> strangers = new TreeSet<>();
        for (DataDir dir : dirs) {
            strangers.addAll(dir.tenants());
        }
        strangers.removeAll(accepted.keySet());
        for (TenantId tenant : strangers) {
            DataDir dir = furthest(dirs, tenant);
            if (dir != null && endOf(dir, tenant) > 0) {
                readWal(dir, tenant);
            }
        }
    }

    private @Nullable DataDir furthest(List<DataDir> dirs, TenantId tenant) throws IOException {
        DataDir best = null;
        long bestEnd = 0;
        for (DataDir dir : dirs) {
            long end = endOf(dir, tenant);
            if (end > bestEnd) {
                best = dir;
                bestEnd = end;
            }
        }
        return best;
    }

    private static long endOf(DataDir dir, TenantId tenant) throws IOException {
        var segments = dir.segments(tenant);
        if (segments.isEmpty()) {
            return 0;
        }
        long end = segments.last().firstSeq();
        try (WalReader reader = WalReader.open(dir, tenant, end)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                end = record.seq() + 1;
            }
        } catch (WalException e) {
            return end; // reported when it is read from the beginning
        }
        return end;
    }

    private void readWal(DataDir dir, TenantId tenant) throws IOException {
        long next = -1;
        try (WalReader reader = WalReader.open(dir, tenant, 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                if (next >= 0 && record.seq() != next) {
                    find("tenant %s: the WAL has the number %d where %d is expected"
                            .formatted(tenant, record.seq(), next));
                }
                next = record.seq() + 1;
                stored(tenant, record);
            }
        } catch (WalException e) {
            find(e.getMessage());
        }
    }

    private void stored(TenantId tenant, WalRecord record) {
        SourcePosition position = SourcePosition.in(new RecordHeaders(record.headers()));
        if (position == null) {
            find("tenant %s: the WAL's record %d carries no source position".formatted(tenant, record.seq()));
            return;
        }
        Source source = sources.get(new TopicPartition(position.topic(), position.partition()));
        if (source == null || position.offset() < source.first || !source.in.get(source.index(position.offset()))) {
            return;
        }
        int index = source.index(position.offset());
        if (source.wal.get(index)) {
            find("%s is in the WAL twice, the second time as tenant %s's record %d"
                    .formatted(position, tenant, record.seq()));
        }
        source.wal.set(index);
        if (account(tenant) != source.owner(index)) {
            find("%s is of another tenant than %s, whose WAL has it as record %d"
                    .formatted(position, tenant, record.seq()));
        }
        source.owner(index).inWal++;
    }

    private void compare() {
        sources.forEach((partition, source) -> {
            for (int index = source.in.nextSetBit(0); index >= 0; index = source.in.nextSetBit(index + 1)) {
                if (!source.out.get(index)) {
                    find("%s@%d came out nowhere".formatted(partition, source.first + index));
                }
            }
            BitSet differing = (BitSet) source.accepted.clone();
            differing.xor(source.wal);
            differing.andNot(source.pruned);
            for (int index = differing.nextSetBit(0); index >= 0; index = differing.nextSetBit(index + 1)) {
                find((source.wal.get(index) ? "%s@%d is in the WAL and was not accepted" : "%s@%d is not in the WAL")
                        .formatted(partition, source.first + index));
            }
        });
        accounts.forEach((tenant, account) -> {
            if (!account.balanced()) {
                find(
                        ("conservation does not hold for tenant %s: %d in, %d accepted, %d in the WAL, %d pruned, %d rejected,"
                                        + " %d dead-lettered, %d forwarded")
                                .formatted(
                                        tenant,
                                        account.in,
                                        account.accepted,
                                        account.inWal,
                                        account.pruned,
                                        account.rejectedCount(),
                                        account.deadLettered,
                                        account.forwarded));
            }
        });
    }

    private Account account(@Nullable TenantId tenant) {
        return accounts.computeIfAbsent(tenant == null ? NOBODY : tenant.decimal(), id -> new Account());
    }

    private void find(@Nullable String finding) {
        findingCount++;
        if (findings.size() < FINDINGS_MAX) {
            findings.add(String.valueOf(finding));
        }
    }

    private static void pause() {
        try {
            Thread.sleep(SETTLE_STEP.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AdminException("the check was interrupted", e);
        }
    }

    /** Tenants in the order of their ids, nobody last. */
    private static int byNumber(String left, String right) {
        int byLength = Integer.compare(left.length(), right.length());
        if (left.equals(NOBODY) || right.equals(NOBODY)) {
            return Boolean.compare(left.equals(NOBODY), right.equals(NOBODY));
        }
        return byLength != 0 ? byLength : left.compareTo(right);
    }
}
