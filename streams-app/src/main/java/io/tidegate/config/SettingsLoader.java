package io.tidegate.config;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Collects settings from flags, environment and file, and rejects unknown names. */
public final class SettingsLoader {
    /** The origin of a value. */
    public enum Origin {
        FLAG,
        ENVIRONMENT,
        FILE,
        DEFAULT;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Java's replacement for bytes that are not a character in the locale's encoding. No argument or setting contains it. */
    public static final char REPLACEMENT_CHARACTER = '\uFFFD';

    private static final String ENV_PREFIX = "TIDEGATE_";

    /** Variables of the launcher and of commands that query an instance; not settings. */
    private static final Set<String> ENV_RESERVED =
            Set.of("TIDEGATE_JAVA_OPTS", "TIDEGATE_LOG_LEVEL", "TIDEGATE_URL", "TIDEGATE_TOKEN_FILE");

    private final Map<String, String> values = new HashMap<>();
    private final Map<String, Origin> origins = new HashMap<>();

    /**
     * Reads all settings; a later source overrides an earlier one.
     *
     * @param file a properties file, or null
     * @param environment such as {@link System#getenv()}
     * @param flags by the settings' names
     * @throws SettingsException naming the first error
     */
    public static Settings load(@Nullable Path file, Map<String, String> environment, Map<String, String> flags) {
        SettingsLoader loader = new SettingsLoader();
        if (file != null) {
            loader.addFile(file);
        }
        environment.forEach(loader::addEnvironment);
        flags.forEach((key, value) -> loader.add(key, value, Origin.FLAG, "flag"));
        return new Settings(loader.values, loader.origins);
    }

    private void addFile(Path file) {
        PropertiesFile.read("the settings file", file)
                .forEach((key, value) -> add(key, value, Origin.FILE, file.toString()));
    }

    private void addEnvironment(String name, String value) {
        if (!name.startsWith(ENV_PREFIX) || ENV_RESERVED.contains(name)) {
            return;
        }
        if (value.indexOf(REPLACEMENT_CHARACTER) >= 0) {
            throw new SettingsException(
                    "%s is not readable in the encoding %s: use UTF-8, for example with LC_ALL=C.UTF-8"
                            .formatted(name, System.getProperty("sun.jnu.encoding")));
        }
        String key =
                name.substring(ENV_PREFIX.length()).toLowerCase(Locale.ROOT).replace('_', '.');
        add(key, value, Origin.ENVIRONMENT, name);
    }

    private void add(String key, String value, Origin origin, String where) {
        if (!key.startsWith(Settings.KAFKA_PREFIX)
                && !Settings.DEFINITIONS.names().contains(key)) {
            String nearest = NearestName.of(key, Settings.DEFINITIONS.names());
            throw new SettingsException(
                    nearest == null
                            ? "unknown setting '%s' (%s); tidegate config reference lists all settings"
                                    .formatted(key, where)
                            : "unknown setting '%s' (%s); did you mean '%s'?".formatted(key, where, nearest));
        }
        // A password may end with a space.
        values.put(key, key.startsWith(Settings.KAFKA_PREFIX) ? value : value.trim());
        origins.put(key, origin);
    }
}
