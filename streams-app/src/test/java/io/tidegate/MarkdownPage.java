package io.tidegate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A page of the documentation, split into the parts that tests read.
 *
 * @param path relative to the root of the repository
 */
public record MarkdownPage(Path path, String text) {
    public static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final List<String> OUTSIDE_DOCS =
            List.of("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md");

    /** A block may be indented, as in a list. */
    private static final Pattern BLOCK = Pattern.compile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$");

    private static final Pattern INLINE_CODE = Pattern.compile("`([^`]+)`");

    /**
     * A fenced block of code.
     *
     * @param language the language after the fence; empty for none
     */
    public record Block(String language, String text) {}

    public static List<MarkdownPage> all() throws IOException {
        List<Path> paths = new ArrayList<>();
        OUTSIDE_DOCS.forEach(name -> paths.add(ROOT.resolve(name)));
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(file -> file.toString().endsWith(".md")).sorted().forEach(paths::add);
        }
        List<MarkdownPage> pages = new ArrayList<>();
        for (Path path : paths) {
            pages.add(new MarkdownPage(ROOT.relativize(path), Files.readString(path)));
        }
        return pages;
    }

    public List<Block> blocks() {
        return BLOCK.matcher(text)
                .results()
                .map(match -> new Block(match.group(1), match.group(2)))
                .toList();
    }

    /** The inline code outside of blocks, each piece joined to one line. */
    public List<String> inlineCode() {
        return INLINE_CODE
                .matcher(prose())
                .results()
                .map(match -> match.group(1).replaceAll("\\s+", " "))
                .toList();
    }

    /** The text without the blocks of code. */
    public String prose() {
        return BLOCK.matcher(text).replaceAll("");
    }
}
