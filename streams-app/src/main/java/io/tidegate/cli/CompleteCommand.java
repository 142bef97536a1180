package io.tidegate.cli;

import io.tidegate.admin.TenantDirectory;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints the candidates for the last word of a command line. Nothing is an error: a shell cannot show one. */
@Command(
        name = CompleteCommand.NAME,
        hidden = true,
        mixinStandardHelpOptions = true,
        description = "Prints the candidates for the last word, one per line; the completion scripts call it.")
final class CompleteCommand implements Callable<Integer> {
    static final String NAME = "__complete";

    /** Short, because a user is waiting. */
    private static final Duration READ_WITHIN = Duration.ofSeconds(2);

    @Parameters(paramLabel = "WORD", description = "The words after `tidegate`; the last one is completed.")
    private List<String> words = new ArrayList<>();

    @Spec
    private @Nullable CommandSpec spec;

    /** The options that determine where tenants and plans are read. */
    @Command
    static final class Connection {
        @Mixin
        private DataDirOptions options = new DataDirOptions();
    }

    @Override
    public Integer call() {
        Candidates candidates = new Candidates(spec.root(), this::tenants, () -> inTime(this::readPlans));
        PrintWriter out = spec.commandLine().getOut();
        candidates.of(words).forEach(one -> {
            if (one.equals(Table.printable(one))) {
                out.println(one);
            }
        });
        out.flush();
        return ExitCodes.OK;
    }

    /** Returns what is read; empty if it cannot be read in time. */
    private static List<String> inTime(Callable<List<String>> read) {
        FutureTask<List<String>> reading = new FutureTask<>(read);
        Thread reader = new Thread(reading, "candidates");
        reader.setDaemon(true);
        reader.start();
        try {
            return reading.get(READ_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            return List.of();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return List.of();
        }
    }

    private Connection connection() {
        Connection connection = new Connection();
        var unused = new CommandLine(connection)
                .setUnmatchedArgumentsAllowed(true)
                .parseArgs(words.subList(0, words.size() - 1).toArray(String[]::new));
        return connection;
    }

    private List<String> readPlans() {
        return List.copyOf(new TenantDirectory(connection().options.loadConnected())
                .snapshot()
                .plans()
                .keySet());
    }

    private List<String> tenants() {
        if (!words.get(0).equals("wal") || words.contains("prune")) {
            return inTime(this::readTenants);
        }
        try {
            return connection().options.existingDataDir().tenants().stream()
                    .map(TenantId::decimal)
                    .toList();
        } catch (IOException | RuntimeException e) {
            return List.of();
        }
    }

    private List<String> readTenants() {
        List<String> tenants = new ArrayList<>();
        new TenantDirectory(connection().options.loadConnected()).configs().forEach((id, stored) -> {
            tenants.add(id.decimal());
            if (stored.config() != null) {
                tenants.addAll(stored.config().externalIds());
            }
        });
        return tenants;
    }
}
