package io.tidegate.tools;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.TopicReader;
import io.tidegate.config.Settings;
import io.tidegate.contract.NumberedKey;
import io.tidegate.contract.Residency;
import io.tidegate.contract.Router;
import io.tidegate.contract.Router.Route;
import io.tidegate.contract.SourcePosition;
import io.tidegate.contract.TenantSource;
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
 * Checks that each signal has exactly one outcome: reads the ingress topics, all outcomes and the WAL, and matches them record
 * by record by source position.
 *
 * <p>Source positions that the ingress topic no longer holds are not checked. Neither are those of an earlier topic of the same
 * name: outcomes have the time of their signal, so they are older than the oldest signal in the new topic. Producers that set
 * times themselves, to older ones than that, defeat this. Needs about five bytes of memory for each signal in the topic.
 */
public final class ConservationCheck {
    /** Findings that are listed individually; further ones are only counted. */
    private static final int FINDINGS_MAX = 100;

    private static final Duration SETTLE_STEP = Duration.ofMillis(200);

    /** The sums of one tenant. */
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

        /** Returns the number of accepted signals that the WAL no longer has because a prune was requested. */
        public long pruned() {
            return pruned;
        }

        public long deadLettered() {
            return deadLettered;
        }

        /** Returns the number of signals that were forwarded to another region. */
        public long forwarded() {
            return forwarded;
        }

        /** Returns the number of rejected signals by reason. */
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
     * The result of a check.
     *
     * @param accounts by tenant; records without a recognizable tenant are under {@code "?"}
     * @param findings the first {@value #FINDINGS_MAX} violations
     * @param findingCount the number of all violations
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

    private static final String UNKNOWN = "?";

    /** The longest array that every JVM allocates. */
    private static final int ARRAY_MAX = Integer.MAX_VALUE - 8;

    private final Settings settings;
    private final Router router;
    private final Topics topics;
    private final Map<TopicPartition, Source> sources = new HashMap<>();
    private final Map<String, Account> accounts = new TreeMap<>(ConservationCheck::byTenantId);
    private final Map<TenantId, SequenceNumbers> accepted = new HashMap<>();
    private final List<String> findings = new ArrayList<>();
    private long findingCount;

    /**
     * Holds the signals that refer to their tenant by name until their outcome gives the tenant id. Configs change, so the name
     * can belong to another tenant by now. Signals that remain here have no outcome.
     */
    private final Account byName = new Account();

    public ConservationCheck(Settings settings) {
        this.settings = settings;
        this.topics = settings.topics();
        this.router = new Router(
                settings.tenantSource(), new SignalReader(settings.signalMapping(), RegistrySchemas.in(settings)));
    }

    /** The signals and outcomes of one ingress partition. */
    static final class Source {
        final BitSet in = new BitSet();
        final BitSet out = new BitSet();
        final BitSet accepted = new BitSet();
        final BitSet wal = new BitSet();
        final BitSet pruned = new BitSet();
        private final long first;
        private long oldestMs = Long.MAX_VALUE;
        private Account[] owners = new Account[1024];

        Source(long first) {
            this.first = first;
        }

        void add(int index, long timestampMs, Account account) {
            in.set(index);
            oldestMs = Math.min(oldestMs, Math.max(0, timestampMs));
            owner(index, account);
        }

        void owner(int index, Account account) {
            if (index >= owners.length) {
                owners = Arrays.copyOf(owners, grown(owners.length, index));
            }
            owners[index] = account;
        }

        /** Returns a length that includes an index: twice the old one, up to the longest array. */
        static int grown(int length, int index) {
            return Math.max(index + 1, (int) Math.min(ARRAY_MAX, 2L * length));
        }

        Account owner(int index) {
            return owners[index];
        }

        int index(long offset) {
            return Math.toIntExact(offset - first);
        }

        /** Returns whether the signal with this offset and time was read. It was not if it arrived later. */
        boolean has(long offset, long timestampMs) {
            long index = offset - first;
            return index >= 0 && index <= Integer.MAX_VALUE && in.get((int) index) && timestampMs >= oldestMs;
        }
    }

    /** A sequence number in the WAL that does not follow the one before. */
    private record Gap(long expected, long found) {}

    /** The sequence numbers of one tenant in {@code signals-accepted}. */
    private static final class SequenceNumbers {
        long first = -1;
        long next = -1;

        /**
         * The WAL may have been pruned below this sequence number: the highest one requested, limited to the records that
         * existed.
         */
        long prunedBelow;

        /** The first sequence number in the WAL. Those below it are pruned, if they are also below {@link #prunedBelow}. */
        long walBegins;

        /** Gaps in the WAL. A prune while the WAL is read leaves one. */
        final List<Gap> gaps = new ArrayList<>();

        /** The end of the WAL, if it is too early; -1 otherwise. */
        long walEnds = -1;
    }

    /**
     * Runs the check.
     *
     * @param dirs the data directories of all instances; a replica's copy can replace a missing one
     * @param settleWithin how long to wait for signals without an outcome while none of their outcomes arrives
     * @param progress receives a line for each step
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
            for (long missing = missing(); missing > 0 && stall.shouldWait(missing); missing = missing()) {
                progress.accept("waiting for %d signals that have no outcome yet".formatted(missing));
                long stepEnd = System.nanoTime() + SETTLE_STEP.toNanos();
                outcomes.follow(() -> System.nanoTime() > stepEnd, this::outcome);
            }
            if (missing() > 0) {
                outcomes.beginnings().forEach(this::deleted);
            }
            progress.accept("reading the WAL");
            readWal(dirs, stall, outcomes);
        }
        if (accepted.values().stream().anyMatch(numbers -> numbers.prunedBelow > 0)) {
            progress.accept("reading pruned signals");
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
        Route route = router.route(record.topic(), record.key(), record.value(), record.headers(), true);
        Account account = byName;
        if (route instanceof Route.ToTenant to) {
            account = account(to.tenant());
        } else if (route instanceof Route.ToDeadLetter letter
                && letter.defect() != Defect.TENANT_MISMATCH
                && (letter.tenant() != null || settings.tenantSource() == TenantSource.VALUE)) {
            account = account(letter.tenant());
        }
        account.in++;
        source.add(source.index(record.offset()), record.timestamp(), account);
    }

    /**
     * Returns the partition that has the signal of an outcome.
     *
     * @param timestampMs the time of the signal
     * @return null if this check does not cover the signal
     */
    private @Nullable Source sourceOf(SourcePosition position, long timestampMs) {
        Source source = sources.get(new TopicPartition(position.topic(), position.partition()));
        return source != null && source.has(position.offset(), timestampMs) ? source : null;
    }

    private void outcome(ConsumerRecord<byte[], byte[]> record) {
        Outcome outcome = outcomeIn(record.topic());
        if (outcome == Outcome.FORWARDED && Residency.forwardedFrom(record.headers()) == null) {
            return; // written by another region
        }
        NumberedKey key = outcome == Outcome.ACCEPTED ? NumberedKey.tryParse(record.key()) : null;
        if (outcome == Outcome.ACCEPTED && key == null) {
            report("%s-%d@%d has a key that Tidegate does not write"
                    .formatted(record.topic(), record.partition(), record.offset()));
            return;
        }
        if (key != null && record.value() == null) {
            prune(key);
            return;
        }
        TenantId tenant;
        if (key != null) {
            tenant = key.tenant();
            number(key, record);
        } else if (outcome == Outcome.FORWARDED) {
            tenant = null; // the tenant that the signal itself names
        } else {
            String text = TidegateHeaders.text(record.headers(), TidegateHeaders.TENANT);
            tenant = text == null ? null : TenantId.tryParse(text);
        }
        SourcePosition position = outcome == Outcome.FORWARDED
                ? Residency.forwardedFrom(record.headers())
                : SourcePosition.in(record.headers());
        if (position == null) {
            report("%s-%d@%d has no source position".formatted(record.topic(), record.partition(), record.offset()));
            return;
        }
        // The topic of another region may have its own times.
        Source source = sourceOf(position, outcome == Outcome.FORWARDED ? Long.MAX_VALUE : record.timestamp());
        if (source == null) {
            return;
        }
        int index = source.index(position.offset());
        if (source.out.get(index)) {
            report("%s has two outcomes, the second is %s-%d@%d"
                    .formatted(position, record.topic(), record.partition(), record.offset()));
        }
        source.out.set(index);
        // A dead letter need not name its tenant, but if an outcome names a tenant, it must be the right one.
        Account account = source.owner(index);
        if (account == byName) {
            account = account(tenant);
            account.in++;
            byName.in--;
            source.owner(index, account);
        }
        if (tenant != null && account(tenant) != account) {
            report("%s belongs to another tenant than %s, which %s-%d@%d names"
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

    /** Reports records that were deleted from an outcome topic: a missing outcome may have been among them. */
    private void deleted(TopicPartition partition, long begins) {
        if (begins > 0) {
            report(
                    ("records of %s below %d were deleted: signals without an outcome may have had theirs there. Keep them"
                                    + " longer than signals (retention.ms)")
                            .formatted(partition, begins));
        }
    }

    private static String reason(Headers headers) {
        String reason = TidegateHeaders.text(headers, TidegateHeaders.REASON);
        return reason == null ? UNKNOWN : reason;
    }

    private void number(NumberedKey key, ConsumerRecord<byte[], byte[]> record) {
        SequenceNumbers numbers = accepted.computeIfAbsent(key.tenant(), tenant -> new SequenceNumbers());
        if (numbers.first < 0) {
            numbers.first = key.seq();
        } else if (key.seq() != numbers.next) {
            report("tenant %s: %s-%d@%d has sequence number %d, expected %d"
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

    /** Marks an accepted record as pruned if it lies before the beginning of a WAL that was pruned. */
    private void pruned(ConsumerRecord<byte[], byte[]> record) {
        SourcePosition position = record.value() == null ? null : SourcePosition.in(record.headers());
        NumberedKey key = NumberedKey.tryParse(record.key());
        if (key == null) {
            return;
        }
        SequenceNumbers numbers = accepted.get(key.tenant());
        Source source = position == null ? null : sourceOf(position, record.timestamp());
        if (numbers == null || source == null || key.seq() >= numbers.walBegins) {
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

    /** Stops a wait when a count has not changed for a time. A long backlog that drains is not a stall. */
    private static final class StallDetector {
        private final Duration within;
        private long last = -1;
        private long deadline;

        StallDetector(Duration within) {
            this.within = within;
        }

        boolean shouldWait(long count) {
            long now = System.nanoTime();
            if (count != last) {
                last = count;
                deadline = now + within.toNanos();
            }
            return now < deadline;
        }
    }

    private void prune(NumberedKey key) {
        SequenceNumbers numbers = accepted.get(key.tenant());
        if (numbers != null) {
            numbers.prunedBelow = Math.max(numbers.prunedBelow, Math.min(key.seq(), numbers.next));
        }
    }

    /** Takes note of a prune that was ordered after the outcomes were read. All other new records are of later signals. */
    private void laterPrune(ConsumerRecord<byte[], byte[]> record) {
        NumberedKey key = record.value() == null && outcomeIn(record.topic()) == Outcome.ACCEPTED
                ? NumberedKey.tryParse(record.key())
                : null;
        if (key != null) {
            prune(key);
        }
    }

    /** Reads each tenant's WAL from the copy that reaches furthest. Tenants can be pruned meanwhile. */
    private void readWal(List<DataDir> dirs, StallDetector stall, TopicReader outcomes) throws IOException {
        for (Map.Entry<TenantId, SequenceNumbers> entry : accepted.entrySet()) {
            TenantId tenant = entry.getKey();
            SequenceNumbers numbers = entry.getValue();
            boolean complete = false;
            while (!complete) {
                DataDir best = furthest(dirs, tenant);
                long end = best == null ? 0 : endOf(best, tenant);
                if (end < numbers.prunedBelow) {
                    // The owner has removed all segments. A copy of a shard that moved away before does not read the
                    // prune.
                    best = null;
                    end = numbers.prunedBelow;
                }
                complete = end >= numbers.next || !stall.shouldWait(31 * tenant.bits() + end);
                if (!complete) {
                    pause();
                    outcomes.readToEnd(this::laterPrune);
                    continue;
                }
                numbers.walBegins = end;
                if (best != null) {
                    readWal(best, tenant, numbers);
                }
                numbers.walEnds = end < numbers.next ? end : -1;
            }
        }
        outcomes.readToEnd(this::laterPrune);
        accepted.forEach(this::judge);
        Set<TenantId> strangers = new TreeSet<>();
        for (DataDir dir : dirs) {
            strangers.addAll(dir.tenants());
        }
        strangers.removeAll(accepted.keySet());
        for (TenantId tenant : strangers) {
            DataDir dir = furthest(dirs, tenant);
            if (dir != null && endOf(dir, tenant) > 0) {
                SequenceNumbers numbers = new SequenceNumbers();
                readWal(dir, tenant, numbers);
                judge(tenant, numbers);
            }
        }
    }

    /** Reports what the WAL lacks, as far as no prune explains it. */
    private void judge(TenantId tenant, SequenceNumbers numbers) {
        for (Gap gap : numbers.gaps) {
            if (gap.expected() < gap.found() && gap.found() <= numbers.prunedBelow) {
                numbers.walBegins = gap.found();
            } else {
                report("tenant %s: the WAL has sequence number %d, expected %d"
                        .formatted(tenant, gap.found(), gap.expected()));
            }
        }
        numbers.walBegins = Math.min(numbers.walBegins, numbers.prunedBelow);
        if (numbers.walEnds >= 0 && numbers.prunedBelow < numbers.next) {
            report("tenant %s: the WAL ends before %d, signals-accepted before %d"
                    .formatted(tenant, numbers.walEnds, numbers.next));
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

    private void readWal(DataDir dir, TenantId tenant, SequenceNumbers numbers) throws IOException {
        long next = -1;
        try (WalReader reader = WalReader.open(dir, tenant, 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                if (next < 0) {
                    numbers.walBegins = record.seq();
                } else if (record.seq() != next) {
                    numbers.gaps.add(new Gap(next, record.seq()));
                }
                next = record.seq() + 1;
                stored(tenant, record);
            }
        } catch (WalException e) {
            report(e.getMessage());
        }
    }

    private void stored(TenantId tenant, WalRecord record) {
        SourcePosition position = SourcePosition.in(new RecordHeaders(record.headers()));
        if (position == null) {
            report("tenant %s: record %d of the WAL has no source position".formatted(tenant, record.seq()));
            return;
        }
        Source source = sourceOf(position, record.timestampMs());
        if (source == null) {
            return;
        }
        int index = source.index(position.offset());
        if (source.wal.get(index)) {
            report("%s is in the WAL twice, the second time as tenant %s's record %d"
                    .formatted(position, tenant, record.seq()));
        }
        source.wal.set(index);
        if (account(tenant) != source.owner(index)) {
            report("%s belongs to another tenant than %s, whose WAL has it as record %d"
                    .formatted(position, tenant, record.seq()));
        }
        source.owner(index).inWal++;
    }

    private void compare() {
        sources.forEach((partition, source) -> {
            for (int index = source.in.nextSetBit(0); index >= 0; index = source.in.nextSetBit(index + 1)) {
                if (!source.out.get(index)) {
                    report("%s@%d has no outcome".formatted(partition, source.first + index));
                }
            }
            BitSet differing = (BitSet) source.accepted.clone();
            differing.xor(source.wal);
            differing.andNot(source.pruned);
            for (int index = differing.nextSetBit(0); index >= 0; index = differing.nextSetBit(index + 1)) {
                report((source.wal.get(index) ? "%s@%d is in the WAL and was not accepted" : "%s@%d is not in the WAL")
                        .formatted(partition, source.first + index));
            }
        });
        accounts.forEach((tenant, account) -> {
            if (!account.balanced()) {
                report(
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
        return accounts.computeIfAbsent(tenant == null ? UNKNOWN : tenant.decimal(), id -> new Account());
    }

    private void report(@Nullable String finding) {
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

    /** Compares tenants by id; unknown tenants are last. */
    private static int byTenantId(String left, String right) {
        int byLength = Integer.compare(left.length(), right.length());
        if (left.equals(UNKNOWN) || right.equals(UNKNOWN)) {
            return Boolean.compare(left.equals(UNKNOWN), right.equals(UNKNOWN));
        }
        return byLength != 0 ? byLength : left.compareTo(right);
    }
}
