package io.tidegate.cli;

import io.tidegate.admin.BootstrapServers;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.config.PropertiesFile;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options with which every command finds its settings. {@link DataDirOptions} adds the data directory. */
class SettingsOptions {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Settings of the instance (see `tidegate config reference`).")
    private @Nullable Path config;

    @Option(
            names = "--bootstrap-server",
            paramLabel = "HOST:PORT",
            description = "Bootstrap servers of the Kafka cluster. Default: localhost:9092.")
    private @Nullable String bootstrapServer;

    @Option(
            names = "--command-config",
            paramLabel = "FILE",
            description =
                    "Properties for the Kafka clients, such as TLS and SASL. Its bootstrap.servers apply unless they are set"
                            + " otherwise.")
    private @Nullable Path commandConfig;

    @Option(
            names = "--command-property",
            paramLabel = "NAME=VALUE",
            description = "A property for the Kafka clients; can be repeated, and overrides --command-config.")
    private Map<String, String> commandProperties = new LinkedHashMap<>();

    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            completionCandidates = SettingCandidates.class,
            description = "Any setting; can be repeated.")
    private Map<String, String> set = new LinkedHashMap<>();

    /** Returns the settings that a subclass's own options set. */
    Map<String, String> moreFlags() {
        return Map.of();
    }

    Settings load() {
        Map<String, String> flags = new LinkedHashMap<>();
        if (commandConfig != null) {
            PropertiesFile.read("--command-config", commandConfig)
                    .forEach((key, value) -> flags.put(Settings.KAFKA_PREFIX + key, value));
        }
        commandProperties.forEach((key, value) -> flags.put(Settings.KAFKA_PREFIX + key, value));
        String named = flags.remove(Settings.KAFKA_PREFIX + Settings.BOOTSTRAP_SERVERS);
        flags.putAll(set);
        if (bootstrapServer != null) {
            flags.put(Settings.BOOTSTRAP_SERVERS, bootstrapServer);
        }
        flags.putAll(moreFlags());
        Settings settings = SettingsLoader.load(config, System.getenv(), flags);
        if (named != null && settings.isDefault(Settings.BOOTSTRAP_SERVERS)) {
            // As files for Kafka's clients often name the servers. The default would be another cluster.
            flags.put(Settings.BOOTSTRAP_SERVERS, named);
            settings = SettingsLoader.load(config, System.getenv(), flags);
        }
        Logging.use(settings.logFormat());
        return settings;
    }

    /**
     * Loads the settings of a command that needs Kafka.
     *
     * @throws io.tidegate.admin.AdminException within seconds if no broker can be reached
     */
    Settings loadConnected() {
        Settings settings = load();
        BootstrapServers.requireOne(settings);
        return settings;
    }

    /** Returns the options that name the settings, to repeat in a recommended command; empty if none was given. */
    String repeated() {
        StringBuilder text = new StringBuilder();
        if (config != null) {
            text.append(" --config ").append(ShellText.quoted(config));
        }
        if (bootstrapServer != null) {
            text.append(" --bootstrap-server ").append(bootstrapServer);
        }
        if (commandConfig != null) {
            text.append(" --command-config ").append(ShellText.quoted(commandConfig));
        }
        return text.toString();
    }

    /** Returns the tenant that an argument refers to; null if none is given. A name is looked up in Kafka. */
    @Nullable
    TenantId tenant(@Nullable TenantRef ref) {
        if (ref == null) {
            return null;
        }
        return ref.id() != null ? ref.id() : new TenantDirectory(loadConnected()).resolve(ref);
    }
}
