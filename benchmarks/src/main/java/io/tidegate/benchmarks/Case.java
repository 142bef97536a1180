package io.tidegate.benchmarks;

import java.util.List;

/**
 * One program that drains one workload.
 *
 * @param name in reports
 * @param program the program that is measured
 * @param workload the signals that it drains
 * @param threads the number of threads that it may use
 * @param quota the limits of its tenants
 * @param settled whether the program has read a signal of each tenant and was restarted before the measurement
 */
record Case(String name, Program program, Workload workload, int threads, Quota quota, boolean settled) {
    Case(String name, Program program, Workload workload, int threads, Quota quota) {
        this(name, program, workload, threads, quota, false);
    }

    /** The same case with another workload. */
    Case of(Workload other) {
        return new Case(name, program, other, threads, quota, settled);
    }

    /** The same case with tenants that are known already. */
    Case ofKnownTenants() {
        return new Case(name, program, workload, threads, quota, true);
    }

    enum Program {
        /** {@link PassThrough}: the upper bound for three topics with exactly-once. */
        LIMIT(true),
        /** {@link PassThrough} with the topics and headers of Tidegate's accepted signals. */
        BARE_ACCEPTED(true),
        /** {@link PassThrough} with the topics and headers of Tidegate's rejections. */
        BARE_REJECTED(true),
        /** {@link PlainConsumer}: the upper bound for one file. */
        FILE(false),
        /** {@link HandWritten}: a team's own implementation. */
        HAND_WRITTEN(false),
        /** The Flink job that a team would choose. */
        FLINK(false),
        TIDEGATE(true);

        /** Whether it commits as a streams group, or as a consumer group. */
        final boolean streamsGroup;

        Program(boolean streamsGroup) {
            this.streamsGroup = streamsGroup;
        }
    }

    /** The limits in the tenants' configs. Each tenant has its own config. */
    enum Quota {
        /** Limits that are checked and never reached. */
        ACCEPT_ALL,
        /** One signal a second, so that almost all are rejected. */
        REJECT_ALL,
        /** Tenants alternate between the other two. */
        HALF;

        static final long RATE_PER_SEC = 1_000_000;
        static final long ENTITIES_MAX = 1_000_000_000;

        /** A tenant's config, as stored in the topic {@code tenant-configs}. */
        String config(long tenant) {
            boolean accept = this == ACCEPT_ALL || (this == HALF && tenant % 2 == 1);
            return "{\"tenant_id\":%d,\"max_signals_per_sec\":%d,\"max_entities\":%d}"
                    .formatted(tenant, accept ? RATE_PER_SEC : 1, ENTITIES_MAX);
        }
    }

    /**
     * The result of one case in one round.
     *
     * @param residentBytesMax of the whole process
     * @param liveHeapBytes after the drain and a garbage collection
     */
    record Measured(
            double signalsPerSec,
            double cpuSecondsPerMillion,
            double allocatedBytesPerSignal,
            long residentBytesMax,
            long liveHeapBytes) {}

    /** A quotient of two cases in the same round. */
    record Ratio(String name, String of, String to) {}

    static final List<Ratio> RATIOS = List.of(
            new Ratio("p_ratio_accepted", "tidegate-known", "limit-known"),
            new Ratio("flink_ratio", "tidegate-known", "flink-known"),
            new Ratio("hand_written_ratio", "tidegate-known", "hand-written-known"),
            new Ratio("p_ratio_new", "tidegate-new", "limit-known"),
            new Ratio("flink_ratio_new", "tidegate-new", "flink-new"),
            new Ratio("hand_written_ratio_new", "tidegate-new", "hand-written-new"),
            new Ratio("p_ratio_rejected", "tidegate-rejected", "limit-known"),
            new Ratio("bare_ratio_accepted", "tidegate-known", "bare-accepted"),
            new Ratio("p_ratio_bare_accepted", "bare-accepted", "limit-known"),
            new Ratio("bare_ratio_rejected", "tidegate-rejected", "bare-rejected"),
            new Ratio("p_ratio_bare_rejected", "bare-rejected", "limit-known"),
            new Ratio("p_ratio_keyed", "tidegate-keyed", "limit-known"),
            new Ratio("p_ratio_keyed_rejected", "tidegate-keyed-rejected", "limit-known"),
            new Ratio("p_ratio_mixed", "tidegate-mixed", "limit-known"),
            new Ratio("tenants_10_ratio", "tidegate-10-tenants", "tidegate-known"),
            new Ratio("tenants_100000_ratio", "tidegate-100000-tenants", "tidegate-known"),
            new Ratio("new_tenants_100000_ratio", "tidegate-100000-new-tenants", "tidegate-known"),
            new Ratio("entities_ratio", "tidegate-entities", "tidegate-known"),
            new Ratio("p_ratio_1_thread", "tidegate-1-thread", "limit-1-thread"),
            new Ratio("p_ratio_100b", "tidegate-100b", "limit-100b"),
            new Ratio("p_ratio_1kb", "tidegate-1kb", "limit-1kb"),
            new Ratio("p_ratio_10kb", "tidegate-10kb", "limit-10kb"),
            new Ratio("file_ratio", "tidegate-known", "file-known"));

    /** All cases of a group; some cases are in several groups. */
    static List<Case> group(String group, long signals, int threads) {
        Workload known = new Workload("known", signals, 1000, 333, 200);
        Workload fresh = new Workload("new", signals / 2, 1000, Workload.ALWAYS_NEW, 200);
        Case limit = accepting("limit-known", Program.LIMIT, known, threads);
        Case tidegate = accepting("tidegate-known", Program.TIDEGATE, known, threads);
        return switch (group) {
            case "known" ->
                List.of(
                        limit,
                        accepting("bare-accepted", Program.BARE_ACCEPTED, known, threads),
                        accepting("file-known", Program.FILE, known, 1),
                        accepting("hand-written-known", Program.HAND_WRITTEN, known, threads),
                        accepting("flink-known", Program.FLINK, known, threads),
                        tidegate);
            case "new" ->
                List.of(
                        limit,
                        accepting("hand-written-new", Program.HAND_WRITTEN, fresh, threads),
                        accepting("flink-new", Program.FLINK, fresh, threads),
                        accepting("tidegate-new", Program.TIDEGATE, fresh, threads));
            case "rejected" ->
                List.of(
                        limit,
                        accepting("bare-rejected", Program.BARE_REJECTED, known, threads),
                        new Case("tidegate-rejected", Program.TIDEGATE, known, threads, Quota.REJECT_ALL));
            case "keyed" -> {
                Workload keyed = new Workload("keyed", signals, 1000, 333, 200, true);
                yield List.of(
                        limit,
                        tidegate,
                        accepting("tidegate-keyed", Program.TIDEGATE, keyed, threads),
                        new Case("tidegate-keyed-rejected", Program.TIDEGATE, keyed, threads, Quota.REJECT_ALL));
            }
            case "mixed" -> List.of(limit, new Case("tidegate-mixed", Program.TIDEGATE, known, threads, Quota.HALF));
            // In total as many entities as in the case of 1,000 tenants.
            case "tenants" ->
                List.of(
                        tidegate,
                        accepting(
                                "tidegate-10-tenants",
                                Program.TIDEGATE,
                                new Workload("10-tenants", signals, 10, 33_333, 200),
                                threads),
                        accepting(
                                        "tidegate-100000-tenants",
                                        Program.TIDEGATE,
                                        new Workload("100000-tenants", signals, 100_000, 3, 200),
                                        threads)
                                .ofKnownTenants(),
                        accepting(
                                "tidegate-100000-new-tenants",
                                Program.TIDEGATE,
                                new Workload("100000-tenants", signals, 100_000, 3, 200),
                                threads));
            // Three new entities for each signal: ten million with the default number of signals.
            case "entities" ->
                List.of(
                        tidegate,
                        accepting(
                                "tidegate-entities",
                                Program.TIDEGATE,
                                new Workload("entities", signals * 10 / 9, 1000, Workload.ALWAYS_NEW, 200),
                                threads));
            case "threads" ->
                List.of(
                        accepting("limit-1-thread", Program.LIMIT, known, 1),
                        accepting("tidegate-1-thread", Program.TIDEGATE, known, 1));
            case "sizes" -> sizes(signals, threads);
            default -> throw new IllegalArgumentException("no cases are named '%s'".formatted(group));
        };
    }

    private static List<Case> sizes(long signals, int threads) {
        Workload small = new Workload("100b", signals, 1000, 333, 100).bounded();
        Workload middle = new Workload("1kb", signals, 1000, 333, 1000).bounded();
        Workload large = new Workload("10kb", signals, 1000, 333, 10_000).bounded();
        return List.of(
                accepting("limit-100b", Program.LIMIT, small, threads),
                accepting("tidegate-100b", Program.TIDEGATE, small, threads),
                accepting("limit-1kb", Program.LIMIT, middle, threads),
                accepting("tidegate-1kb", Program.TIDEGATE, middle, threads),
                accepting("limit-10kb", Program.LIMIT, large, threads),
                accepting("tidegate-10kb", Program.TIDEGATE, large, threads));
    }

    private static Case accepting(String name, Program program, Workload workload, int threads) {
        return new Case(name, program, workload, threads, Quota.ACCEPT_ALL);
    }
}
