package io.tidegate;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Reason;
import io.tidegate.contract.TidegateHeaders;
import io.tidegate.signal.Defect;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The pages say what the code does, where that can be told by names, and their links lead somewhere. */
class DocsTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path REASONS = ROOT.resolve("docs/reasons.md");

    private static final Pattern TEST_ROW = Pattern.compile("(?m)^\\| `(\\w+Test)` \\|[^|]+\\| `([^`]+)` \\|");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");
    private static final Pattern REASON_SECTION = Pattern.compile("(?m)^### ([a-z_]+)$");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^()\\s]+)\\)");
    private static final Pattern CODE_BLOCK = Pattern.compile("(?ms)^```.*?^```$");

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
                assertThat(section).contains("**Cause.**", "**What the producer does.**", "**What changes it.**");
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
    void relativeLinksLeadToFilesAndHeadingsThatExist() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path page : pages()) {
            for (String link : all(LINK, withoutCode(Files.readString(page)))) {
                if (!link.matches("[a-z]+:.*") && !leadsSomewhere(page, link)) {
                    broken.add("%s: %s".formatted(ROOT.relativize(page), link));
                }
            }
        }

        assertThat(broken).isEmpty();
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

    /** The anchors that a Markdown renderer gives a page's headings. */
    private static Set<String> anchors(Path page) throws IOException {
        return all(HEADING, withoutCode(Files.readString(page))).stream()
                .map(heading -> heading.toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(file -> file.toString().endsWith(".md")).sorted().forEach(pages::add);
        }
        for (String name : List.of("README.md", "CONTRIBUTING.md", "SECURITY.md")) {
            pages.add(ROOT.resolve(name));
        }
        return pages;
    }

    private static String withoutCode(String markdown) {
        return CODE_BLOCK.matcher(markdown).replaceAll("");
    }

    private static List<String> all(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }
}
