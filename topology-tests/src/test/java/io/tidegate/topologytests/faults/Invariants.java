package io.tidegate.topologytests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision.Rejected;
import io.tidegate.admission.TenantUsage;
import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.PeriodLimit;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.TidegateProcess;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.SegmentName;
import io.tidegate.wal.WalReader;
import io.tidegate.wal.WalRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/**
 * The invariants after any faults: the five promises, checked over the topics and the files of all instances against the
 * {@link Traffic} that was sent.
 *
 * <p>{@code tidegate verify} does the conservation check. The other checks are computed here: the outcome of each signal by its
 * number in the load; the decisions, by a replay of the pure function over {@code signals-by-tenant}, or over the accepted
 * signals if not all signals took that topic; the quotas, by a simple model over the accepted records without token buckets; the
 * order of reading ({@link ReadOrder}); the sequence numbers; the contents of each data directory; and the equality of all copies
 * of the WAL.
 */
final class Invariants {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Duration COPIES_WITHIN = Duration.ofMinutes(2);
    private static final Duration POLL = Duration.ofMillis(200);
    private static final long SILENCE_MAX_NANOS = Duration.ofSeconds(90).toNanos();

    private final Deployment app;
    private final Traffic traffic;
    private final long signals;
    private final Map<String, TenantConfig> configs = Traffic.configs();

    /** By number of the signal: the reason, or "" for an accepted one; null without an outcome. */
    private final String[] outcomes;

    private final Map<String, List<AcceptedSignal>> accepted = new TreeMap<>();
    private final ReadOrder readOrder = new ReadOrder();

    /** One accepted signal. */
    private record AcceptedSignal(long number, long timestampMs) {}

    /** One copy of a tenant's WAL: its end, and the first sequence numbers of its segments. */
    private record Copy(Path root, long end, Set<Long> cuts) {
        Set<Long> cutsBelow(long end) {
            return cuts.stream().filter(cut -> cut < end).collect(Collectors.toSet());
        }
    }

    private Invariants(Deployment app, Traffic traffic, long signals) {
        this.app = app;
        this.traffic = traffic;
        this.signals = signals;
        this.outcomes = new String[Math.toIntExact(signals)];
    }

    /**
     * Waits until all signals have an outcome, and checks.
     *
     * @param copies the number of complete copies of each tenant's WAL to wait for
     * @return a summary in one line
     */
    static String check(Deployment app, Traffic traffic, long signals, int copies) throws Exception {
        JsonNode verified = app.verify("a");
        Invariants invariants = new Invariants(app, traffic, signals);
        invariants.readOutcomes();
        invariants.everySignalHasOneOutcome();
        if (traffic.isKeyed()) {
            invariants.acceptedPassTheModelInTheirOrder();
        } else {
            invariants.decisionsAreThoseOfTheModel();
        }
        invariants.quotasHold();
        List<String> below = invariants.readOrder.check(invariants.configs);
        invariants.directoriesHoldTheirOwn();
        invariants.awaitCopies(copies);
        return invariants.summary(verified, below);
    }

    private String summary(JsonNode verified, List<String> below) {
        Map<String, Long> byReason = Arrays.stream(outcomes)
                .collect(Collectors.groupingBy(
                        outcome -> outcome.isEmpty() ? "accepted" : outcome, TreeMap::new, Collectors.counting()));
        return "%d signals of %d tenants: %s; nothing rejected of the tenants below their rates: %s"
                .formatted(signals, verified.get("tenants").size(), byReason, below);
    }

    private void readOutcomes() {
        read(app.topic("accepted"), record -> {
            String key = text(record.key());
            String tenant = key.substring(0, key.indexOf(':'));
            List<AcceptedSignal> stored = accepted.computeIfAbsent(tenant, id -> new ArrayList<>());
            assertThat(key).as("the next number").isEqualTo(tenant + ":" + stored.size());
            Traffic.Signal signal = outcome(record, "");
            assertThat(tenant).as("the tenant of signal %d", signal.number()).isEqualTo(signal.tenant());
            stored.add(new AcceptedSignal(signal.number(), record.timestamp()));
            readOrder.outcome(tenant, record.timestamp(), "");
        });
        read(app.topic("quota-exceeded"), record -> {
            String reason = header(record, "tidegate.reason");
            Traffic.Signal signal = outcome(record, reason);
            assertThat(header(record, "tidegate.tenant")).isEqualTo(signal.tenant());
            readOrder.outcome(signal.tenant(), record.timestamp(), reason);
        });
        read(app.topic("dead-letter"), record -> {
            Traffic.Signal signal = outcome(record, header(record, "tidegate.reason"));
            assertThat(signal.expected())
                    .as("signal %d went to dead letter: %s", signal.number(), header(record, "tidegate.message"))
                    .isEqualTo(Traffic.Expectation.DEAD);
        });
    }

    private Traffic.Signal outcome(ConsumerRecord<byte[], byte[]> record, String outcome) {
        Traffic.Signal signal = traffic.signal(Long.parseLong(header(record, Traffic.NUMBER)));
        int number = Math.toIntExact(signal.number());
        assertThat(outcomes[number])
                .as(
                        "signal %d came out a second time as %s-%d@%d",
                        number, record.topic(), record.partition(), record.offset())
                .isNull();
        outcomes[number] = outcome;
        assertThat(record.value()).as("the bytes of signal %d", number).isEqualTo(signal.value());
        return signal;
    }

    private void everySignalHasOneOutcome() {
        for (int number = 0; number < outcomes.length; number++) {
            String outcome = outcomes[number];
            assertThat(outcome).as("the outcome of signal %d", number).isNotNull();
            switch (traffic.signal(number).expected()) {
                case UNKNOWN -> assertThat(outcome).isEqualTo("tenant_unknown");
                case DEAD -> assertThat(outcome).isIn("malformed", "tenant_invalid", "tenant_missing");
                case JUDGED -> assertThat(outcome).isNotEqualTo("storage_limit");
                case JUDGED_WITH_STORAGE -> assertThat(outcome).isIn("", "storage_limit");
            }
        }
    }

    /** Compares with the decisions of one undisturbed instance on the same signals in the same order. */
    private void decisionsAreThoseOfTheModel() {
        Admission admission = new Admission(null);
        SignalParser parser = new SignalParser();
        Map<String, TenantUsage> usages = new HashMap<>();
        List<String> differing = new ArrayList<>();
        read(app.topic("by-tenant"), envelope -> {
            for (RoutedSignal routed : Envelope.read(envelope.value())) {
                String number = TidegateHeaders.text(new RecordHeaders(routed.headers()), Traffic.NUMBER);
                Traffic.Signal signal = traffic.signal(Long.parseLong(number));
                TenantConfig config = configs.get(signal.tenant());
                if (signal.expected() != Traffic.Expectation.JUDGED || config == null) {
                    continue;
                }
                var usage = usages.computeIfAbsent(signal.tenant(), id -> TenantUsage.fresh(1, 2));
                var decision = admission.admit(
                        config,
                        usage,
                        ((Parsed) parser.parse(routed.value())).signal(),
                        routed.value().length,
                        routed.timestampMs());
                String expected = decision instanceof Rejected rejected
                        ? rejected.quota().reason().id()
                        : "";
                String found = outcomes[Math.toIntExact(signal.number())];
                if (!expected.equals(found)) {
                    differing.add("tenant %s signal %d: '%s' and not '%s'"
                            .formatted(signal.tenant(), signal.number(), found, expected));
                }
            }
        });
        assertThat(differing).as("decisions that differ from one instance's").isEmpty();
    }

    /**
     * No log has the order in which signals from two topics were decided. A rejection changes no state, so the accepted signals
     * alone, in the order of their sequence numbers, must pass.
     */
    private void acceptedPassTheModelInTheirOrder() {
        Admission admission = new Admission(null);
        SignalParser parser = new SignalParser();
        List<String> differing = new ArrayList<>();
        accepted.forEach((tenant, all) -> {
            TenantUsage usage = TenantUsage.fresh(1, 2);
            for (AcceptedSignal stored : all) {
                Traffic.Signal signal = traffic.signal(stored.number());
                TenantConfig config = configs.get(tenant);
                if (signal.expected() == Traffic.Expectation.JUDGED && config != null) {
                    byte[] value = signal.value();
                    var parsed = ((Parsed) parser.parse(value)).signal();
                    var decision = admission.admit(config, usage, parsed, value.length, stored.timestampMs());
                    if (decision instanceof Rejected rejected) {
                        differing.add("tenant %s signal %d: accepted and not '%s'"
                                .formatted(
                                        tenant,
                                        signal.number(),
                                        rejected.quota().reason()));
                    }
                }
            }
        });
        assertThat(differing).as("accepted signals that the model rejects").isEmpty();
    }

    private void quotasHold() throws IOException {
        for (Map.Entry<String, List<AcceptedSignal>> tenant : accepted.entrySet()) {
            TenantConfig config = configs.get(tenant.getKey());
            assertThat(config).as("the config of tenant %s", tenant.getKey()).isNotNull();
            if (config.mode() == TenantConfig.Mode.OBSERVE) {
                continue;
            }
            assertThat(config.blockedUntil())
                    .as("accepted of %s", tenant.getKey())
                    .isNull();
            if (config.maxSignalsPerSec() != null) {
                rateHolds(tenant.getKey(), config.maxSignalsPerSec(), config.burst(), tenant.getValue());
            }
            for (PeriodLimit limit : config.periods()) {
                periodHolds(tenant.getKey(), limit, tenant.getValue());
            }
            if (config.idleTtlMs() > 0) {
                idleEntitiesHold(tenant.getKey(), config, tenant.getValue());
            } else if (config.maxEntities() != null) {
                entitiesHold(tenant.getKey(), config.maxEntities().longValueExact(), tenant.getValue());
            }
        }
    }

    /**
     * No interval of record time contains more than burst + rate × its length, and none that begins with the earliest signal
     * contains more than one second of tokens + rate × its length, in whatever order the signals were read.
     */
    private static void rateHolds(String tenant, long rate, long burst, List<AcceptedSignal> stored) {
        long[] timesMs =
                stored.stream().mapToLong(AcceptedSignal::timestampMs).sorted().toArray();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < timesMs.length; i++) {
            long here = i * 1000L - rate * (timesMs[i] - timesMs[0]);
            least = Math.min(least, here);
            assertThat(here + 1000 - least)
                    .as("tenant %s: thousandths above the rate in an interval that ends at %d", tenant, timesMs[i])
                    .isLessThanOrEqualTo(burst * 1000);
            assertThat(here + 1000)
                    .as("tenant %s: thousandths from the earliest signal to %d", tenant, timesMs[i])
                    .isLessThanOrEqualTo(Math.min(rate, burst) * 1000);
        }
    }

    private void periodHolds(String tenant, PeriodLimit limit, List<AcceptedSignal> stored) {
        Map<Long, Long> signals = new HashMap<>();
        Map<Long, Long> bytes = new HashMap<>();
        for (AcceptedSignal one : stored) {
            long period = limit.per().indexOf(one.timestampMs());
            signals.merge(period, 1L, Long::sum);
            bytes.merge(period, (long) traffic.signal(one.number()).value().length, Long::sum);
        }
        assertThat(signals.values())
                .as("signals of tenant %s per %s", tenant, limit.per())
                .allMatch(count -> count <= limit.signalsMax());
        assertThat(bytes.values())
                .as("bytes of tenant %s per %s", tenant, limit.per())
                .allMatch(count -> count <= limit.bytesMax());
    }

    private void entitiesHold(String tenant, long max, List<AcceptedSignal> stored) throws IOException {
        Set<String> entities = new HashSet<>();
        for (AcceptedSignal one : stored) {
            entities.addAll(entities(one));
        }
        assertThat((long) entities.size()).as("entities of tenant %s", tenant).isLessThanOrEqualTo(max);
    }

    private Set<String> entities(AcceptedSignal one) throws IOException {
        Set<String> entities = new HashSet<>();
        JsonNode signal = JSON.readTree(traffic.signal(one.number()).value());
        for (String kind : List.of("item", "user", "creator")) {
            if (signal.has(kind)) {
                entities.add(kind + " " + signal.get(kind).asText());
            }
        }
        return entities;
    }

    /** At every signal, the entities named within the ttl are within the limit. Idle ones make room, so the total is larger. */
    private void idleEntitiesHold(String tenant, TenantConfig config, List<AcceptedSignal> stored) throws IOException {
        Map<String, Long> lastNamedMs = new HashMap<>();
        long clockMs = 0;
        for (AcceptedSignal one : stored) {
            clockMs = Math.max(clockMs, one.timestampMs());
            for (String entity : entities(one)) {
                lastNamedMs.merge(entity, one.timestampMs(), Math::max);
            }
            long since = clockMs - config.idleTtlMs();
            List<String> counting = lastNamedMs.entrySet().stream()
                    .filter(entity -> entity.getValue() > since)
                    .map(Map.Entry::getKey)
                    .toList();
            assertThat((long) counting.size())
                    .as("entities of tenant %s at signal %d", tenant, one.number())
                    .isLessThanOrEqualTo(config.entityLimit());
            assertThat(counting.stream()
                            .filter(entity -> entity.startsWith("user "))
                            .count())
                    .as("users of tenant %s at signal %d", tenant, one.number())
                    .isLessThanOrEqualTo(config.userLimit());
        }
        if (clockMs - stored.get(0).timestampMs() > 10 * config.idleTtlMs()) {
            assertThat((long) lastNamedMs.size())
                    .as("entities of tenant %s over the whole time", tenant)
                    .isGreaterThan(Math.min(config.entityLimit(), config.userLimit()));
        }
    }

    /** Every copy of a WAL is a prefix of the accepted signals, and no other tenant has a directory. */
    private void directoriesHoldTheirOwn() throws IOException {
        Map<TenantId, List<Copy>> copies = new HashMap<>();
        for (Path root : app.dataDirs()) {
            DataDir dir = new DataDir(root);
            for (TenantId tenant : dir.tenants()) {
                assertThat(accepted).as("tenants with files in %s", root).containsKey(tenant.decimal());
                long end = beginsAsAccepted(dir, tenant);
                Set<Long> cuts =
                        dir.segments(tenant).stream().map(SegmentName::firstSeq).collect(Collectors.toSet());
                Copy copy = new Copy(root, end, cuts);
                List<Copy> others = copies.computeIfAbsent(tenant, id -> new ArrayList<>());
                others.forEach(other -> cutAlike(tenant, copy, other));
                others.add(copy);
            }
        }
    }

    private long beginsAsAccepted(DataDir dir, TenantId tenant) throws IOException {
        List<AcceptedSignal> expected = accepted.get(tenant.decimal());
        int seq = 0;
        try (WalReader reader = WalReader.open(dir, tenant, 0)) {
            for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                String where = "tenant %s in %s, number %d".formatted(tenant, dir.root(), seq);
                assertThat(record.seq()).as(where).isEqualTo(seq);
                assertThat(seq).as(where).isLessThan(expected.size());
                AcceptedSignal stored = expected.get(seq++);
                assertThat(number(record.headers())).as(where).isEqualTo(stored.number());
                assertThat(record.timestampMs()).as(where).isEqualTo(stored.timestampMs());
                assertThat(record.value())
                        .as(where)
                        .isEqualTo(traffic.signal(stored.number()).value());
            }
        }
        return seq;
    }

    private static void cutAlike(TenantId tenant, Copy one, Copy other) {
        long common = Math.min(one.end(), other.end());
        assertThat(one.cutsBelow(common))
                .as("segments of tenant %s in %s and in %s", tenant, one.root(), other.root())
                .isEqualTo(other.cutsBelow(common));
    }

    private void awaitCopies(int copies) throws InterruptedException {
        for (Map.Entry<String, List<AcceptedSignal>> tenant : accepted.entrySet()) {
            TenantId id = TenantId.parse(tenant.getKey());
            long end = tenant.getValue().size();
            TidegateProcess.await(
                    COPIES_WITHIN,
                    "%d complete copies of the WAL of tenant %s".formatted(copies, id),
                    app::logs,
                    () -> app.dataDirs().stream()
                                    .filter(dir -> endOf(dir, id) == end)
                                    .count()
                            >= copies);
        }
    }

    private static long endOf(Path root, TenantId tenant) {
        try {
            DataDir dir = new DataDir(root);
            var segments = dir.segments(tenant);
            long end = 0;
            if (!segments.isEmpty()) {
                try (WalReader reader =
                        WalReader.open(dir, tenant, segments.last().firstSeq())) {
                    for (WalRecord record = reader.next(); record != null; record = reader.next()) {
                        end = record.seq() + 1;
                    }
                }
            }
            return end;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private interface Each {
        void take(ConsumerRecord<byte[], byte[]> record);
    }

    /** Committed records of a topic up to its end. */
    private void read(String topic, Each each) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", app.bootstrapServers());
        config.put("isolation.level", "read_committed");
        config.put("auto.offset.reset", "earliest");
        config.put("max.poll.records", 5000);
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long silentSince = System.nanoTime();
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                var records = consumer.poll(POLL);
                records.forEach(each::take);
                silentSince = records.isEmpty() ? silentSince : System.nanoTime();
                assertThat(System.nanoTime() - silentSince)
                        .as("ns without a record of %s", topic)
                        .isLessThan(SILENCE_MAX_NANOS);
            }
        }
    }

    private static long number(Header[] headers) {
        for (Header header : headers) {
            if (header.key().equals(Traffic.NUMBER)) {
                return Long.parseLong(text(header.value()));
            }
        }
        throw new AssertionError("a record without its number");
    }

    private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
        Header header = record.headers().lastHeader(name);
        assertThat(header)
                .as("header %s of %s-%d@%d", name, record.topic(), record.partition(), record.offset())
                .isNotNull();
        return text(header.value());
    }

    private static String text(byte @Nullable [] bytes) {
        return bytes == null ? "" : new String(bytes, StandardCharsets.UTF_8);
    }
}
