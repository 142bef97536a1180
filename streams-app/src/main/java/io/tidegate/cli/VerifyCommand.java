package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.config.Settings;
import io.tidegate.tools.ConservationCheck;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description =
                "Checks conservation: every signal is in exactly one of WAL, quota-exceeded and dead letter, record by record."
                        + " Exit 3 if not.")
final class VerifyCommand implements Callable<Integer> {
    /** Not a metric of instances: each sees only its own part of the topics and WALs. */
    static final String CONSERVATION_HOLDS = "tidegate_conservation_holds";

    static final String CONSERVATION_CHECKED = "tidegate_conservation_checked_timestamp_seconds";
    private static final int MS_PER_S = 1000;

    @Mixin
    private DataDirOptions options = new DataDirOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--also-data-dir",
            paramLabel = "DIR",
            description = "The data directory of another instance; can be repeated.")
    private List<Path> others = new ArrayList<>();

    @Option(
            names = "--settle",
            paramLabel = "TIME",
            converter = Amounts.DurationConverter.class,
            description = "How long to wait for missing outcomes after the last one arrived. Default: 30s.")
    private Duration settle = Duration.ofSeconds(30);

    @Option(
            names = "--metrics-file",
            paramLabel = "FILE",
            description = "Write the result to this file too, for the textfile collector of Prometheus' node_exporter.")
    private @Nullable Path metricsFile;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Settings settings = options.loadConnected();
        List<DataDir> dirs = new ArrayList<>();
        dirs.add(options.existingDataDir());
        for (Path other : others) {
            dirs.add(DataDirOptions.existingDataDir(other));
        }
        PrintWriter out = spec.commandLine().getOut();
        Progress progress = new Progress(spec.commandLine().getErr(), "verifying");
        ConservationCheck.Balance balance = new ConservationCheck(settings).check(dirs, settle, progress::show);
        progress.done();
        boolean isWritten = metricsFile == null || writesMetrics(metricsFile, balance);
        int result = isWritten ? ExitCodes.OK : ExitCodes.FAILED;
        return ExitCodes.afterPrinting(balance.balanced() ? result : ExitCodes.DAMAGE, () -> {
            if (output.asObjects()) {
                out.println(output.line(json(balance)));
            } else {
                print(balance, out);
            }
            out.flush();
        });
    }

    /** Writes the metrics. Returns false after a failure, which it reports: it must not hide the result of the check. */
    private boolean writesMetrics(Path file, ConservationCheck.Balance balance) {
        try {
            writeMetrics(file, balance, System.currentTimeMillis());
            return true;
        } catch (IOException e) {
            spec.commandLine()
                    .getErr()
                    .println("--metrics-file %s cannot be written: %s".formatted(file, ErrorText.of(e)));
            return false;
        }
    }

    /** Replaces the file atomically: it may be read at any time. */
    static void writeMetrics(Path file, ConservationCheck.Balance balance, long nowMs) throws IOException {
        Path written = file.resolveSibling(file.getFileName() + ".new");
        Files.writeString(written, """
                # TYPE %1$s gauge
                %1$s %3$d
                # TYPE %2$s gauge
                %2$s %4$d
                """.formatted(
                        CONSERVATION_HOLDS, CONSERVATION_CHECKED, balance.balanced() ? 1 : 0, nowMs / MS_PER_S));
        Files.move(written, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    static void print(ConservationCheck.Balance balance, PrintWriter out) {
        // One region is the normal case: omit a column of zeros.
        boolean regions = balance.accounts().values().stream().anyMatch(account -> account.forwarded() > 0);
        List<String> columns =
                new ArrayList<>(List.of("TENANT>", "IN>", "ACCEPTED>", "IN WAL>", "REJECTED>", "DEAD LETTER>"));
        if (regions) {
            columns.add("FORWARDED>");
        }
        columns.addAll(List.of("REASONS", "BALANCE"));
        Table table = new Table(columns.toArray(String[]::new));
        balance.accounts().forEach((tenant, account) -> {
            List<Object> row = new ArrayList<>(List.of(
                    tenant,
                    account.in(),
                    account.accepted(),
                    account.inWal(),
                    account.rejectedCount(),
                    account.deadLettered()));
            if (regions) {
                row.add(account.forwarded());
            }
            row.add(reasons(account));
            row.add(state(account));
            table.row(row.toArray());
        });
        table.print(out);
        balance.findings().forEach(finding -> out.println("WRONG " + Table.printable(finding)));
        if (balance.findingCount() > balance.findings().size()) {
            out.println("… and %d more"
                    .formatted(balance.findingCount() - balance.findings().size()));
        }
        out.println(balance.balanced() ? "conservation holds" : "CONSERVATION DOES NOT HOLD");
    }

    private static String reasons(ConservationCheck.Account account) {
        return account.rejected().isEmpty()
                ? "-"
                : account.rejected().entrySet().stream()
                        .map(entry -> entry.getKey() + " " + entry.getValue())
                        .collect(java.util.stream.Collectors.joining(", "));
    }

    private static String state(ConservationCheck.Account account) {
        String pruned = account.pruned() == 0 ? "" : ", %d pruned".formatted(account.pruned());
        return (account.balanced() ? "ok" : "WRONG") + pruned;
    }

    static ObjectNode json(ConservationCheck.Balance balance) {
        ObjectNode json = Json.object();
        json.put("balanced", balance.balanced());
        ObjectNode tenants = json.putObject("tenants");
        balance.accounts().forEach((tenant, account) -> {
            ObjectNode node = tenants.putObject(tenant);
            node.put("in", account.in());
            node.put("accepted", account.accepted());
            node.put("in_wal", account.inWal());
            node.put("pruned", account.pruned());
            node.put("dead_lettered", account.deadLettered());
            node.put("forwarded", account.forwarded());
            ObjectNode rejected = node.putObject("rejected");
            account.rejected().forEach(rejected::put);
            node.put("balanced", account.balanced());
        });
        balance.findings().forEach(json.putArray("findings")::add);
        json.put("finding_count", balance.findingCount());
        return json;
    }
}
