package io.tidegate.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/**
 * What {@code --version} prints: the version, the commit that it was built from, and the versions of Java and of Kafka's client.
 * The build writes the first two into {@value #BUILD}; classes that it did not build have no such file.
 */
final class BuildVersion implements IVersionProvider {
    private static final String BUILD = "/io/tidegate/cli/build.properties";

    /** Kafka's own file. Its class for this would start the log, which takes longer than the rest of the command. */
    private static final String KAFKA = "/kafka/kafka-version.properties";

    /** The end of a commit's name if files differed from it. */
    private static final String DIRTY = "-dirty";

    private static final String UNKNOWN = "unknown";

    @Override
    public String[] getVersion() {
        return lines(read(BUILD), read(KAFKA));
    }

    static String[] lines(Properties build, Properties kafka) {
        String commit = build.getProperty("commit", UNKNOWN);
        String source = commit.endsWith(DIRTY)
                ? commit.substring(0, commit.length() - DIRTY.length()) + " with uncommitted changes"
                : commit;
        return new String[] {
            "tidegate " + build.getProperty("version", "(development)"),
            "commit " + source,
            "Java " + Runtime.version(),
            "Kafka client " + kafka.getProperty("version", UNKNOWN)
        };
    }

    private static Properties read(String resource) {
        Properties properties = new Properties();
        try (InputStream in = BuildVersion.class.getResourceAsStream(resource)) {
            if (in != null) {
                properties.load(in);
            }
        } catch (IOException e) {
            // A version that cannot be read is printed as unknown: that must not fail a command.
        }
        return properties;
    }
}
