package io.tidegate.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/**
 * The output of {@code --version}: the version, the commit that it was built from, and the versions of Java and of Kafka's
 * client. The build writes the first two into {@value #BUILD}; classes that were compiled without the build lack this file.
 */
final class BuildVersion implements IVersionProvider {
    private static final String BUILD = "/io/tidegate/cli/build.properties";

    /** Kafka's own file. Kafka's class for this would start logging, which takes longer than the rest of the command. */
    private static final String KAFKA = "/kafka/kafka-version.properties";

    /** The suffix of a commit id if files differed from the commit. */
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
            // An unreadable version is printed as unknown: it must not make a command fail.
        }
        return properties;
    }
}
