package io.tidegate.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.contract.TidegateHeaders;
import io.tidegate.tenant.TenantId;
import io.tidegate.tools.RejectionSearch.Page;
import io.tidegate.tools.RejectionSearch.Query;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RejectionSearchTest {
    private static final List<String> TOPICS = List.of("quota-exceeded", "signals-dead-letter");
    private static final Query ALL = new Query(null, Set.of(), true, null, null, "");

    private final Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> log = new HashMap<>();
    private final AtomicInteger readCount = new AtomicInteger();
    private long resultBytes = 1_000;

    private void add(int partition, long timestampMs, String tenant, String reason, String value) {
        TopicPartition at = new TopicPartition(TOPICS.get(0), partition);
        List<ConsumerRecord<byte[], byte[]>> records = log.computeIfAbsent(at, all -> new ArrayList<>());
        // Every second offset is a marker.
        long offset = 2L * records.size();
        RecordHeaders headers = new RecordHeaders();
        headers.add(TidegateHeaders.TENANT, tenant.getBytes(StandardCharsets.UTF_8));
        headers.add(TidegateHeaders.REASON, reason.getBytes(StandardCharsets.UTF_8));
        headers.add("trace", ("Trace-" + timestampMs).getBytes(StandardCharsets.UTF_8));
        records.add(new ConsumerRecord<>(
                at.topic(),
                partition,
                offset,
                timestampMs,
                TimestampType.CREATE_TIME,
                0,
                0,
                null,
                value.getBytes(StandardCharsets.UTF_8),
                headers,
                Optional.empty()));
    }

    private Page<Long> page(Query query, int wanted, @Nullable String cursor, BooleanSupplier goesOn) {
        Map<TopicPartition, Long> begins = new HashMap<>();
        Map<TopicPartition, Long> ends = new HashMap<>();
        log.forEach((partition, records) -> {
            begins.put(partition, 0L);
            ends.put(partition, 2L * records.size());
        });
        if (cursor != null) {
            RejectionSearch.continueAt(cursor, TOPICS, ends);
        }
        return new RejectionSearch(query, wanted)
                .page(
                        begins,
                        ends,
                        (partition, from, to, each) -> log.get(partition).stream()
                                .filter(record -> record.offset() >= from && record.offset() < to)
                                .forEach(record -> {
                                    readCount.incrementAndGet();
                                    each.accept(record);
                                }),
                        goesOn,
                        ConsumerRecord::timestamp,
                        kept -> resultBytes,
                        TOPICS);
    }

    @Test
    void largeRejectionsMakeShorterPagesAndNoneIsLeftOut() {
        List<Long> expected = new ArrayList<>();
        for (long ms = 1; ms <= 300; ms++) {
            add((int) ms % 3, ms, "42", "rate_limited", "{}");
            expected.add(ms);
        }
        Collections.reverse(expected);
        resultBytes = RejectionSearch.PAGE_BYTES_MAX / 7;
        assertThat(page(ALL, 100, null, () -> true).found()).hasSize(8).isEqualTo(expected.subList(0, 8));
        assertThat(all(ALL, 100)).isEqualTo(expected);

        resultBytes = 2 * RejectionSearch.PAGE_BYTES_MAX;
        assertThat(page(ALL, 100, null, () -> true).found()).hasSize(1);
        assertThat(all(ALL, 100)).isEqualTo(expected);
    }

    private List<Long> all(Query query, int wanted) {
        List<Long> all = new ArrayList<>();
        String cursor = null;
        do {
            Page<Long> page = page(query, wanted, cursor, () -> true);
            assertThat(page.found()).hasSizeLessThanOrEqualTo(wanted);
            all.addAll(page.found());
            cursor = page.next();
        } while (cursor != null);
        return all;
    }

    @Test
    void pagesAreTheWholeTopicByTimeTheNewestFirst() {
        Random random = new Random(7);
        List<Long> expected = new ArrayList<>();
        for (long ms = 1; ms <= 3_000; ms++) {
            add(random.nextInt(5), ms, "42", "rate_limited", "{}");
            expected.add(ms);
        }
        Collections.reverse(expected);

        for (int wanted : new int[] {1, 7, 100}) {
            assertThat(all(ALL, wanted)).as("%d a page", wanted).isEqualTo(expected);
        }
    }

    @Test
    void aPageReadsAboutAsMuchAsItShows() {
        for (long ms = 1; ms <= 20_000; ms++) {
            add((int) (ms % 2), ms, "42", "rate_limited", "{}");
        }

        Page<Long> page = page(ALL, 10, null, () -> true);

        assertThat(page.found()).startsWith(20_000L, 19_999L).hasSize(10);
        assertThat(page.lookedAt()).isEqualTo(10);
        assertThat(readCount.get()).isLessThan(1_000);
        assertThat(page.next()).isNotNull();
    }

    @Test
    void tenantReasonTimeAndTextSelect() {
        add(0, 100, "42", "rate_limited", "{\"item\":\"Teapot-7\"}");
        add(0, 200, "42", "entity_limit", "{\"item\":\"Teapot-8\"}");
        add(1, 300, "43", "entity_limit", "{\"item\":\"Kettle\"}");
        add(1, 400, "42", "entity_limit", "{\"item\":\"Kettle\"}");
        Set<String> none = Set.of();

        assertThat(all(new Query(TenantId.of(42), none, false, null, null, ""), 10))
                .containsExactly(400L, 200L, 100L);
        assertThat(all(new Query(null, Set.of("entity_limit"), false, null, null, ""), 10))
                .containsExactly(400L, 300L, 200L);
        assertThat(all(new Query(null, none, false, 200L, 400L, ""), 10)).containsExactly(300L, 200L);
        assertThat(all(new Query(null, none, false, null, null, "teaPOT"), 10)).containsExactly(200L, 100L);
        assertThat(all(new Query(null, none, false, null, null, "TRACE-300"), 10))
                .containsExactly(300L);
        assertThat(all(new Query(null, none, false, null, null, "nowhere"), 10)).isEmpty();
    }

    @Test
    void aSearchThatFindsNothingEndsAfterABoundedNumberOfRecordsAndContinues() {
        for (long ms = 1; ms <= RejectionSearch.LOOKED_AT_MAX + 1_000; ms++) {
            add(0, ms, "42", "rate_limited", "{}");
        }
        Query rare = new Query(TenantId.of(7), Set.of(), false, null, null, "");

        Page<Long> first = page(rare, 10, null, () -> true);
        Page<Long> second = page(rare, 10, first.next(), () -> true);

        assertThat(first.lookedAt()).isEqualTo(RejectionSearch.LOOKED_AT_MAX);
        assertThat(first.found()).isEmpty();
        assertThat(second.lookedAt()).isEqualTo(1_000);
        assertThat(second.next()).isNull();
    }

    @Test
    void aSearchThatIsStoppedAnywhereLosesNothing() {
        List<Long> expected = new ArrayList<>();
        for (long ms = 1; ms <= 500; ms++) {
            add((int) (ms % 3), ms, "42", "rate_limited", "{}");
            expected.add(501 - ms);
        }
        Random random = new Random(1);
        List<Long> all = new ArrayList<>();
        String cursor = null;
        do {
            AtomicInteger asked = new AtomicInteger(20 + random.nextInt(100));
            Page<Long> page = page(ALL, 50, cursor, () -> asked.decrementAndGet() > 0);
            all.addAll(page.found());
            cursor = page.next();
        } while (cursor != null);

        assertThat(all).isEqualTo(expected);
    }

    @Test
    void aCursorOfAnotherKindIsRejected() {
        for (String cursor : List.of("", "x", "2-0-1", "0-0", "0-0-1_", "0-0-" + "9".repeat(30))) {
            assertThatThrownBy(() -> RejectionSearch.continueAt(cursor, TOPICS, new HashMap<>()))
                    .as(cursor)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("cursor");
        }
        assertThatThrownBy(() -> new Query(null, Set.of(), false, null, null, "x".repeat(201)))
                .hasMessageContaining("at most 200 characters");
    }

    /** Otherwise its cursor would be where it began, and a client that follows it would not come to an end. */
    @Test
    void aPageThatRunsOutOfTimeHasOneRecordAtLeast() {
        for (int i = 0; i < 30; i++) {
            add(i % 3, i, "1", "rate_limited", "{}");
        }
        List<Long> found = new ArrayList<>();
        String cursor = null;
        do {
            Page<Long> page = page(ALL, 10, cursor, () -> false);
            assertThat(page.lookedAt()).isPositive();
            found.addAll(page.found());
            cursor = page.next();
        } while (cursor != null);
        assertThat(found).hasSize(30).isSortedAccordingTo(Collections.reverseOrder());
    }
}
