package io.tidegate.topologytests.faults;

import io.tidegate.topologytests.broker.ManyTenants;
import io.tidegate.topologytests.broker.TinyMemtables;
import io.tidegate.topologytests.support.BrokerCluster;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Faults for any length of time: three brokers, three instances, rounds of faults drawn from a seed, and after each round the
 * check of all promises. Run by {@code ./tidegate-faults}.
 *
 * <p>Each round has its own topics, directories and seed. The seed is printed; {@code --seed} runs that round first.
 */
@Command(
        name = "tidegate-faults",
        mixinStandardHelpOptions = true,
        description =
                "Plays faults on real brokers and instances under load, and checks all promises after each round.")
final class FaultSoak implements Callable<Integer> {
    private static final int BROKERS = 3;
    private static final List<String> INSTANCES = List.of("a", "b", "c");

    @Option(names = "--minutes", defaultValue = "30", description = "How long; the last round is played to its end.")
    private long minutes;

    @Option(names = "--seed", defaultValue = "1", description = "Of the first round; the next ones have the next.")
    private long seed;

    @Option(
            names = "--kills",
            defaultValue = "20",
            description = "How many kill -9 of instances a round begins with. Default: ${DEFAULT-VALUE}.")
    private int kills;

    @Option(
            names = "--faults",
            defaultValue = "10",
            description = "How many other faults a round has. Default: ${DEFAULT-VALUE}.")
    private int faults;

    @Option(names = "--only", description = "Only this fault: ${COMPLETION-CANDIDATES}.")
    private Kind only;

    @Option(
            names = "--group-protocol",
            description = "Of all rounds: streams or classic; without it a third are classic.")
    private String groupProtocol;

    @Option(
            names = "--ingress-partitioning",
            description = "Of all rounds: any or tenant; without it a third are tenant.")
    private String ingressPartitioning;

    @Option(names = "--keep", description = "Keep the directory also where all went well.")
    private boolean keep;

    @Option(
            names = "--tenants",
            description = "No faults: one instance with so many tenants, and how long it takes to start and to stop.")
    private int tenants;

    private final long startedNanos = System.nanoTime();
    private final Map<String, List<Long>> recoveries = new TreeMap<>();
    private Path directory;

    /** The kinds of faults. */
    enum Kind {
        KILL((scene, random) -> scene.killAndRestart(scene.anyInstance())),
        STOP((scene, random) -> {
            String name = scene.anyInstance();
            long ms = scene.stop(name);
            scene.startInstance(name);
            return ms;
        }),
        PAUSE((scene, random) -> scene.pause(scene.anyInstance())),
        JOIN_AND_LEAVE((scene, random) -> {
            scene.startInstance("d");
            return scene.stop("d");
        }),
        CUT_FROM_ONE((scene, random) -> scene.cut(seconds(random, 5, 20), random.nextInt(BROKERS))),
        CUT_FROM_ALL((scene, random) -> scene.cut(seconds(random, 5, 20), 0, 1, 2)),
        KILL_BROKER((scene, random) -> scene.killBrokers(seconds(random, 0, 10), random.nextInt(BROKERS))),
        KILL_TWO_BROKERS((scene, random) -> {
            int alive = random.nextInt(BROKERS);
            return scene.killBrokers(seconds(random, 5, 25), (alive + 1) % BROKERS, (alive + 2) % BROKERS);
        }),
        KILL_ALL_BROKERS((scene, random) -> scene.killBrokers(seconds(random, 0, 15), 0, 1, 2)),
        FREEZE_BROKER(
                (scene, random) -> scene.freezeBroker("a broker", random.nextInt(BROKERS), seconds(random, 2, 12))),
        FREEZE_GROUP_COORDINATOR((scene, random) ->
                scene.freezeBroker("the group's coordinator", scene.groupCoordinator(), seconds(random, 2, 12))),
        KILL_BOTH((scene, random) -> {
            scene.cluster().kill(0);
            try {
                return scene.killAndRestart(scene.anyInstance());
            } finally {
                scene.cluster().restart(0);
                scene.cluster().awaitInSync();
            }
        }),
        POISON_CONFIGS((scene, random) -> {
            scene.poisonConfigs();
            return scene.awaitProgress("poison among the configs");
        });

        @SuppressWarnings("ImmutableEnumChecker") // a lambda that captures nothing
        private final Play play;

        Kind(Play play) {
            this.play = play;
        }
    }

    private interface Play {
        /** Injects the fault; returns the recovery time. */
        long on(FaultScene scene, SplittableRandom random) throws Exception;
    }

    private static Duration seconds(SplittableRandom random, int least, int most) {
        return Duration.ofSeconds(random.nextInt(least, most + 1));
    }

    public static void main(String[] args) {
        System.exit(new CommandLine(new FaultSoak()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        directory = Files.createTempDirectory("tidegate-faults-");
        say("files in " + directory);
        boolean good = false;
        try {
            good = tenants > 0 ? new ManyTenants(directory, tenants, this::say).run() : soak();
        } finally {
            if (good && !keep) {
                delete(directory);
            }
        }
        return good ? 0 : 1;
    }

    private boolean soak() throws Exception {
        long endNanos = startedNanos + Duration.ofMinutes(minutes).toNanos();
        long round = seed;
        try (BrokerCluster cluster = BrokerCluster.start(directory.resolve("brokers"), BROKERS)) {
            while (System.nanoTime() < endNanos) {
                try {
                    play(cluster, round);
                } catch (Exception | AssertionError e) {
                    Path failure = directory.resolve("failure.txt");
                    Files.writeString(failure, stackTrace(e));
                    say("FAILED in the round of seed %d: %s".formatted(round, firstLine(e)));
                    say("all of it: %s; logs and data: %s".formatted(failure, directory));
                    say("again: ./tidegate-faults --seed %d".formatted(round));
                    report();
                    return false;
                }
                round++;
            }
        }
        report();
        say("%d rounds, no promise was broken".formatted(round - seed));
        return true;
    }

    private void play(BrokerCluster cluster, long roundSeed) throws Exception {
        SplittableRandom random = new SplittableRandom(roundSeed);
        String drawn = random.nextInt(3) == 0 ? "classic" : "streams";
        String protocol = groupProtocol == null ? drawn : groupProtocol;
        boolean flushing = random.nextBoolean();
        // From a separate sequence, so that the faults of a seed do not change.
        boolean drawnKeyed = new SplittableRandom(~roundSeed).nextInt(3) == 0;
        boolean keyed = ingressPartitioning == null ? drawnKeyed : ingressPartitioning.equals("tenant");
        say("round of seed %d: group.protocol=%s%s%s"
                .formatted(roundSeed, protocol, flushing ? ", RocksDB flushes" : "", keyed ? ", keyed ingress" : ""));
        List<String> settings = new ArrayList<>(List.of("group.protocol=" + protocol));
        if (keyed) {
            settings.add(FaultScene.KEYED_INGRESS);
        }
        if (flushing) {
            settings.add("kafka.rocksdb.config.setter=" + TinyMemtables.class.getName());
        }
        Path files = Files.createDirectories(directory.resolve("round-" + roundSeed));
        try (FaultScene scene = FaultScene.start(
                cluster, "round" + roundSeed, files, roundSeed, this::say, settings.toArray(String[]::new))) {
            for (String instance : INSTANCES) {
                scene.startInstanceByWire(instance);
            }
            scene.awaitProgress("start");
            for (Kind kind : schedule(random, protocol)) {
                recoveries
                        .computeIfAbsent(kind.name(), name -> new ArrayList<>())
                        .add(kind.play.on(scene, random));
            }
            scene.settleAndCheck();
        }
        delete(files);
    }

    private List<Kind> schedule(SplittableRandom random, String protocol) {
        List<Kind> schedule = new ArrayList<>();
        for (int i = 0; i < kills; i++) {
            schedule.add(only == null ? Kind.KILL : only);
        }
        Kind[] kinds = Kind.values();
        for (int i = 0; i < faults; i++) {
            Kind kind = only == null ? kinds[random.nextInt(kinds.length)] : only;
            // The description of a group depends on its protocol.
            schedule.add(
                    kind == Kind.FREEZE_GROUP_COORDINATOR && protocol.equals("classic") ? Kind.FREEZE_BROKER : kind);
        }
        return schedule;
    }

    private void report() {
        System.out.printf("%n%-26s %6s %10s %10s%n", "FAULT", "TIMES", "MEDIAN ms", "MOST ms");
        recoveries.forEach((name, times) -> {
            Collections.sort(times);
            System.out.printf(
                    "%-26s %6d %10d %10d%n",
                    name.toLowerCase(java.util.Locale.ROOT).replace('_', ' '),
                    times.size(),
                    times.get(times.size() / 2),
                    times.get(times.size() - 1));
        });
    }

    private void say(String line) {
        long s = Duration.ofNanos(System.nanoTime() - startedNanos).toSeconds();
        System.out.printf("%02d:%02d:%02d %s%n", s / 3600, s / 60 % 60, s % 60, line);
        System.out.flush();
    }

    private static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).strip().lines().findFirst().orElse(e.toString());
    }

    private static String stackTrace(Throwable e) {
        java.io.StringWriter text = new java.io.StringWriter();
        e.printStackTrace(new java.io.PrintWriter(text));
        return text.toString();
    }

    private static void delete(Path root) throws IOException {
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path dir, java.io.IOException failure) throws IOException {
                Files.deleteIfExists(dir);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
