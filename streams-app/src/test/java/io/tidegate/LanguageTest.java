package io.tidegate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Docs, help texts, messages and comments use one common word for each concept, and no archaic ones. */
class LanguageTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /** Excluded, because it contains the banned words. */
    private static final String THIS_FILE = "LanguageTest.java";

    private static final List<String> DIRECTORIES =
            List.of("docs", "deploy", "examples", "streams-app/src", "topology-tests/src", "benchmarks", ".ci");

    /** Files of the root directory, which also contains other projects' files, such as the licence. */
    private static final List<String> ROOT_FILES = List.of(
            "README.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "tidegate",
            "tidegate-faults",
            "docker-compose.yml",
            "Dockerfile");

    /** Files with one of these extensions, or without an extension: scripts. */
    private static final Pattern TWO_COMMENTS = Pattern.compile("\\*/\\s*/\\*\\*");

    private static final Pattern TEXT =
            Pattern.compile(".*(\\.(md|java|yaml|yml|json|js|html|css|sh|py|properties|service|conf)|/[^./]+)");

    private static final Pattern NOT_OURS = Pattern.compile(".*/(node_modules|target)/.*");

    /** The banned words, each with the words to use instead. */
    private static final Map<Pattern, String> BANNED = banned(Map.of(
            "\\bmend(s|ed|ing)?\\b", "fix, repair",
            "\\banew\\b", "again",
            "\\bfor ever\\b", "indefinitely",
            "\\bwhoever\\b", "the user, any client, whichever instance",
            "\\bmade again\\b", "rebuilt",
            "\\bbut for\\b", "except",
            "\\bof elsewhere\\b", "from another …",
            "\\b(that|which) (is|are) none\\b", "invalid",
            "\\bthe other way round\\b", "vice versa",
            "(?<!connection )refus", "reject: one word for the concept"));

    private static final String NOUN_CLAUSE = "\\b(What|Where|Who|Whoever)\\b.*";
    private static final Pattern COMMENT_OPENS = Pattern.compile("/\\*+");
    private static final Pattern FIRST_LINE_OF_BLOCK = Pattern.compile("\\* " + NOUN_CLAUSE);
    private static final Pattern ONE_LINE_BLOCK = Pattern.compile("/\\*+ " + NOUN_CLAUSE);
    private static final Pattern ONE_LINE_COMMENT = Pattern.compile("(.*\\s)?(/\\*+|//) " + NOUN_CLAUSE);

    /** A question may begin so. */
    private static final Pattern PARAGRAPH = Pattern.compile("(What|Who|Whoever)\\b[^?]*");

    private static Map<Pattern, String> banned(Map<String, String> words) {
        Map<Pattern, String> patterns = new TreeMap<>((a, b) -> a.pattern().compareTo(b.pattern()));
        words.forEach((word, better) -> patterns.put(Pattern.compile(word, Pattern.CASE_INSENSITIVE), better));
        return patterns;
    }

    private static List<String> findings(String name, String text) {
        List<String> findings = new ArrayList<>();
        List<String> lines = text.lines().toList();
        for (int i = 0; i < lines.size(); i++) {
            if (beginsWithNounClause(
                    name, i == 0 ? "" : lines.get(i - 1).strip(), lines.get(i).strip())) {
                findings.add("%s:%d: %s (write: a noun or a verb first)"
                        .formatted(name, i + 1, lines.get(i).strip()));
            }
            for (Map.Entry<Pattern, String> word : BANNED.entrySet()) {
                if (word.getKey().matcher(lines.get(i)).find()) {
                    findings.add("%s:%d: %s (write: %s)"
                            .formatted(name, i + 1, lines.get(i).strip(), word.getValue()));
                }
            }
        }
        return findings;
    }

    /** Whether a comment in Java, or a paragraph of a page, begins in this line with a clause that is used as a noun. */
    private static boolean beginsWithNounClause(String name, String previous, String line) {
        if (!name.endsWith(".java")) {
            return name.endsWith(".md")
                    && previous.isEmpty()
                    && PARAGRAPH.matcher(line).matches();
        }
        boolean opened = COMMENT_OPENS.matcher(previous).matches();
        Pattern start = opened ? FIRST_LINE_OF_BLOCK : previous.startsWith("//") ? ONE_LINE_BLOCK : ONE_LINE_COMMENT;
        return start.matcher(line).matches();
    }

    @Test
    void noTextHasABannedWord() throws IOException {
        List<Path> files =
                new ArrayList<>(ROOT_FILES.stream().map(ROOT::resolve).toList());
        for (String directory : DIRECTORIES) {
            try (Stream<Path> walk = Files.walk(ROOT.resolve(directory))) {
                walk.filter(Files::isRegularFile)
                        .filter(file -> TEXT.matcher(file.toString()).matches())
                        .filter(file -> !NOT_OURS.matcher(file.toString()).matches())
                        .filter(file -> !file.endsWith(THIS_FILE))
                        .forEach(files::add);
            }
        }
        List<String> findings = new ArrayList<>();
        for (Path file : files) {
            findings.addAll(findings(ROOT.relativize(file).toString(), Files.readString(file)));
        }
        assertThat(files)
                .hasSizeGreaterThan(300)
                .contains(ROOT.resolve(".ci/run"), ROOT.resolve("benchmarks/pipeline"));
        assertThat(findings).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "A.java | /** What a tenant may do. */",
                "A.java | // Where a group continues.",
                "A.java | int next; // Who asks for it.",
                "page.md | Whoever asks gets it."
            })
    void aCommentOrParagraphThatBeginsWithANounClauseIsFound(String name, String text) {
        assertThat(findings(name, "\n" + text))
                .anySatisfy(finding ->
                        assertThat(finding).startsWith(name + ":2: ").endsWith("(write: a noun or a verb first)"));
    }

    /** Newer compilers than that of the build warn of it, and the image is built with one. */
    @Test
    void noDocumentationCommentIsFollowedByAnother() throws IOException {
        List<Path> findings = new ArrayList<>();
        for (String directory : List.of("streams-app/src", "topology-tests/src", "benchmarks")) {
            try (Stream<Path> walk = Files.walk(ROOT.resolve(directory))) {
                for (Path file : walk.filter(path -> path.toString().endsWith(".java"))
                        .filter(path -> !path.endsWith(THIS_FILE))
                        .toList()) {
                    if (TWO_COMMENTS.matcher(Files.readString(file)).find()) {
                        findings.add(file);
                    }
                }
            }
        }

        assertThat(findings).isEmpty();
        assertThat(TWO_COMMENTS.matcher("/** One. */\n/** Two. */").find()).isTrue();
        assertThat(TWO_COMMENTS.matcher("/** One. */\nint one;\n/** Two. */").find())
                .isFalse();
    }

    @Test
    void aBlockThatBeginsWithANounClauseIsFoundAndALaterLineIsNot() {
        assertThat(findings("A.java", "/**\n * What a tenant may do.\n */")).hasSize(1);
        assertThat(findings("A.java", "/**\n * Limits.\n *\n * What follows\n */\n// of them.\n// What follows"))
                .isEmpty();
        assertThat(findings("page.md", "\nWhat is a tenant?\n\nA tenant\nWhat it is"))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"the command that mends it, fix", "Whoever asks, any client", "kept for ever, indefinitely"})
    void aBannedWordIsFoundWithABetterOne(String text, String better) {
        assertThat(findings("page.md", "fine\n" + text))
                .singleElement()
                .satisfies(
                        finding -> assertThat(finding).startsWith("page.md:2: ").contains(better));
    }
}
