package io.tidegate;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import io.tidegate.admission.Reason;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.signal.Defect;
import io.tidegate.tenant.TenantConfig;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The pages match the code as far as names can show it, and their links lead to existing targets. */
class DocsTest {
    private static final Path ROOT = MarkdownPage.ROOT;
    private static final Path REASONS = ROOT.resolve("docs/reasons.md");

    private static final Pattern TEST_ROW = Pattern.compile("(?m)^\\| `(\\w+Test)` \\|[^|]+\\| `([^`]+)` \\|");
    private static final Pattern TEST_METHOD = Pattern.compile("`(\\w+(?:Test|Contract))\\.(\\w+)`");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");
    private static final Pattern REASON_SECTION = Pattern.compile("(?m)^### ([a-z_]+)$");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^()\\s]+)\\)");

    /** The title of a section about a message: it begins with a small letter, as messages do, and has … for each value. */
    private static final Pattern MESSAGE_TITLE = Pattern.compile("(?m)^### ([a-z].*)$");

    private static final Pattern SETTING_ROW = Pattern.compile("(?m)^\\| `([a-z.]+)` \\|");
    private static final Pattern PROPERTY = Pattern.compile("(?m)^ *([a-z.]+)=");
    private static final Pattern ALERT = Pattern.compile("`(Tidegate[A-Z]\\w+)`");

    /** Adjacent string literals, which the compiler joins. */
    private static final Pattern JOINED = Pattern.compile("\"\\s*\\+ \"");

    @Test
    void everyReasonHasExactlyOneSection() throws IOException {
        List<String> ids = Stream.concat(
                        Arrays.stream(Reason.values()).map(Reason::id),
                        Arrays.stream(Defect.values()).map(Defect::id))
                .toList();

        List<String> sections = all(REASON_SECTION, Files.readString(REASONS));

        assertThat(sections).containsExactlyInAnyOrderElementsOf(ids);
    }

    @Test
    void everyTestMethodThatAPageNamesExists() throws IOException {
        List<String> missing = new ArrayList<>();
        for (MarkdownPage page : MarkdownPage.all()) {
            for (MatchResult name : TEST_METHOD.matcher(page.text()).results().toList()) {
                if (!hasMethod(name.group(1), name.group(2))) {
                    missing.add("%s: %s.%s".formatted(page.path(), name.group(1), name.group(2)));
                }
            }
        }

        assertThat(missing).isEmpty();
    }

    private static boolean hasMethod(String testClass, String method) throws IOException {
        for (String module : List.of("streams-app", "topology-tests")) {
            try (Stream<Path> sources = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
                for (Path source : sources.filter(path -> path.endsWith(testClass + ".java"))
                        .toList()) {
                    return Files.readString(source).contains("void " + method + "(");
                }
            }
        }
        return false;
    }

    @Test
    void theTableOfTestsSaysWhereEachOneRuns() throws IOException {
        String table = Files.readString(ROOT.resolve("docs/testing.md"));
        List<Path> files;
        try (Stream<Path> walk = Files.walk(ROOT.resolve("topology-tests/src/test/java"))) {
            files = walk.filter(file -> file.toString().endsWith("Test.java"))
                    .filter(file -> !file.getParent().endsWith("driver"))
                    .toList();
        }

        List<String> rows = new ArrayList<>();
        for (Path file : files) {
            boolean isLong = Files.readString(file).contains("\n@Tag(\"long\")\n");
            rows.add(file.getFileName().toString().replace(".java", "") + (isLong ? " verify -Plong" : " verify"));
        }

        List<String> said = TEST_ROW.matcher(table)
                .results()
                .map(row -> row.group(1) + " " + row.group(2))
                .toList();
        assertThat(said).containsExactlyInAnyOrderElementsOf(rows);
    }

    @Test
    void everyReasonsSectionSaysCauseAnswerAndRemedy() throws IOException {
        String[] sections = Files.readString(REASONS).split("(?m)^#{2,3} ", -1);

        for (String section : sections) {
            if (section.matches("(?s)[a-z_]+\n.*")) {
                assertThat(section).contains("**Cause.**", "**Producer.**", "**Operator.**");
            }
        }
    }

    @Test
    void everyPublicHeaderIsNamed() throws IllegalAccessException, IOException {
        List<String> headers = new ArrayList<>();
        for (Field constant : TidegateHeaders.class.getFields()) {
            String name = String.valueOf(constant.get(null));
            if (name.startsWith("tidegate")) {
                headers.add("`" + name + "`");
            }
        }

        assertThat(headers).hasSizeGreaterThan(10);
        assertThat(Files.readString(REASONS)).contains(headers);
    }

    @Test
    void everyFieldOfAConfigIsInItsReference() throws IOException {
        String page = Files.readString(ROOT.resolve("docs/configs.md"));
        String[] fields =
                TenantConfig.class.getAnnotation(JsonPropertyOrder.class).value();

        assertThat(fields).hasSizeGreaterThan(20);
        assertThat(fields).allSatisfy(field -> assertThat(page).contains("`" + field + "`"));
    }

    @Test
    void relativeLinksLeadToFilesAndHeadingsThatExist() throws IOException {
        List<String> broken = new ArrayList<>();
        for (MarkdownPage page : MarkdownPage.all()) {
            for (String link : links(page)) {
                if (!leadsSomewhere(ROOT.resolve(page.path()), link)) {
                    broken.add("%s: %s".formatted(page.path(), link));
                }
            }
        }

        assertThat(broken).isEmpty();
    }

    @Test
    void everyPageIsLinkedFromTheReadme() throws IOException {
        List<String> pages = new ArrayList<>();
        Set<String> linked = new HashSet<>();
        for (MarkdownPage page : MarkdownPage.all()) {
            pages.add(page.path().toString());
            if (page.path().endsWith("README.md") && page.path().getNameCount() == 1) {
                links(page).forEach(link -> linked.add(link.replaceFirst("#.*", "")));
            }
        }
        pages.remove("README.md");

        assertThat(linked).containsAll(pages);
    }

    @Test
    void everyMessageInTroubleshootingIsOneOfTheProgram() throws IOException {
        List<String> titles = all(MESSAGE_TITLE, Files.readString(ROOT.resolve("docs/troubleshooting.md")));
        List<String> sources = sources();

        assertThat(titles).hasSizeGreaterThan(20);
        assertThat(titles)
                .allSatisfy(
                        title -> assertThat(isSaid(title, sources)).as(title).isTrue());
        assertThat(isSaid("the disk is … full of bees", sources)).isFalse();
    }

    @Test
    void everySettingInAnExampleExists() throws IOException {
        List<String> known = all(SETTING_ROW, Files.readString(ROOT.resolve("docs/settings.md")));
        List<String> unknown = new ArrayList<>();
        for (MarkdownPage page : MarkdownPage.all()) {
            for (MarkdownPage.Block block : page.blocks()) {
                if (block.language().equals("properties")) {
                    all(PROPERTY, block.text()).stream()
                            .filter(key -> !known.contains(key))
                            // Except settings of the clients, and of brokers.
                            .filter(key -> !key.startsWith("kafka.") && !key.startsWith("group.streams."))
                            .forEach(key -> unknown.add("%s: %s".formatted(page.path(), key)));
                }
            }
        }

        assertThat(known).hasSizeGreaterThan(50);
        assertThat(unknown).isEmpty();
    }

    @Test
    void everyAlertInTroubleshootingExists() throws IOException {
        String rules = Files.readString(ROOT.resolve("deploy/prometheus/rules.yml"));

        List<String> alerts = all(ALERT, Files.readString(ROOT.resolve("docs/troubleshooting.md")));

        assertThat(alerts).isNotEmpty().allSatisfy(alert -> assertThat(rules).contains("- alert: " + alert + "\n"));
    }

    /** Whether one source file contains all parts of a message between its values. */
    private static boolean isSaid(String message, List<String> sources) {
        List<String> parts = Arrays.stream(message.split("…", -1))
                .map(String::strip)
                .filter(part -> part.length() > 3)
                .toList();
        return sources.stream().anyMatch(source -> parts.stream().allMatch(source::contains));
    }

    private static List<String> sources() throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(ROOT.resolve("streams-app/src/main/java"))) {
            files = walk.filter(file -> file.toString().endsWith(".java")).toList();
        }
        List<String> sources = new ArrayList<>();
        for (Path file : files) {
            sources.add(JOINED.matcher(Files.readString(file)).replaceAll(""));
        }
        return sources;
    }

    private static List<String> links(MarkdownPage page) {
        return all(LINK, page.prose()).stream()
                .filter(link -> !link.matches("[a-z]+:.*"))
                .toList();
    }

    private static boolean leadsSomewhere(Path page, String link) throws IOException {
        int hash = link.indexOf('#');
        String file = hash < 0 ? link : link.substring(0, hash);
        Path target = file.isEmpty() ? page : page.resolveSibling(file).normalize();
        if (!target.startsWith(ROOT) || !Files.exists(target)) {
            return false;
        }
        return hash < 0 || anchors(target).contains(link.substring(hash + 1));
    }

    /** The anchors that a Markdown renderer gives to a page's headings. */
    private static Set<String> anchors(Path page) throws IOException {
        return all(HEADING, new MarkdownPage(page, Files.readString(page)).prose()).stream()
                .map(heading -> heading.toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    private static List<String> all(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }
}
