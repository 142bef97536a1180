package io.tidegate.cli;

import io.tidegate.admin.TopicReader;
import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "signals",
        mixinStandardHelpOptions = true,
        description = "Shows how Tidegate interprets signals, before and after routing.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {SignalsCommand.Cat.class, SignalsExplainCommand.class})
final class SignalsCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing: cat or explain");
    }

    @Command(
            name = "cat",
            mixinStandardHelpOptions = true,
            description =
                    "Prints the signals in the envelopes of signals-by-tenant, partition by partition. Exit 3 if a"
                            + " record is not an envelope.")
    static final class Cat implements Callable<Integer> {
        @Mixin
        private SettingsOptions options = new SettingsOptions();

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Option(
                names = "--partition",
                paramLabel = "N",
                description = "Only this partition; can be repeated. Default: all.")
        private List<Integer> partitions = new ArrayList<>();

        @Option(
                names = "--from-offset",
                paramLabel = "N",
                description = "The offset of the first envelope in each partition. Default: 0.")
        private long fromOffset;

        @Option(
                names = "--tenant",
                paramLabel = "TENANT",
                converter = Amounts.TenantConverter.class,
                description = "Only this tenant: its id, or one of its names.")
        private @Nullable TenantRef named;

        private @Nullable TenantId tenant;

        @Option(
                names = {"-n", "--max"},
                paramLabel = "N",
                description = "Stop after this many signals. Default: no limit.")
        private long max = Long.MAX_VALUE;

        @Spec
        private @Nullable CommandSpec spec;

        @Override
        public Integer call() {
            if (fromOffset < 0 || max < 0 || partitions.stream().anyMatch(partition -> partition < 0)) {
                throw new ParameterException(
                        spec.commandLine(), "--partition, --from-offset and --max must be at least 0");
            }
            Settings settings = options.loadConnected();
            tenant = options.tenant(named);
            EnvelopePrinter printer = new EnvelopePrinter(
                    output,
                    tenant,
                    max,
                    spec.commandLine().getOut(),
                    spec.commandLine().getErr());
            try (TopicReader reader =
                    new TopicReader(settings, List.of(settings.topics().byTenant()))) {
                List<TopicPartition> chosen = reader.chosen(partitions);
                printer.begin();
                for (TopicPartition partition : chosen) {
                    reader.readFrom(partition, fromOffset, () -> !printer.isFull(), printer::print);
                }
            }
            return printer.end();
        }
    }
}
