package io.tidegate.cli;

import java.util.ArrayList;
import java.util.List;

/** Splits a shell script into its simple commands. It supports the syntax in the documentation, not all of the shell's. */
final class ShellLines {
    private final String script;
    private final List<List<String>> commands = new ArrayList<>();
    private List<String> words = new ArrayList<>();
    private final StringBuilder word = new StringBuilder();
    private boolean inWord;
    private boolean isTarget;

    private ShellLines(String script) {
        this.script = script;
    }

    /** The words of each command, without comments, redirections and assignments before the command. */
    static List<List<String>> commands(String script) {
        ShellLines lines = new ShellLines(script);
        lines.read();
        return lines.commands;
    }

    private void read() {
        for (int i = 0; i < script.length(); i++) {
            char c = script.charAt(i);
            switch (c) {
                case '\\' -> i = escaped(i);
                case '\'', '"' -> i = quoted(i, c);
                case ' ', '\t' -> endWord();
                case '&' -> ampersand(i);
                case '\n', '|', ';', '(', ')' -> endCommand();
                case '>', '<' -> redirection();
                case '#' -> i = inWord ? add(c, i) : comment(i);
                default -> i = add(c, i);
            }
        }
        endCommand();
    }

    private int add(char c, int at) {
        inWord = true;
        word.append(c);
        return at;
    }

    /** A line that ends with a backslash continues in the next one. */
    private int escaped(int at) {
        if (at + 1 < script.length() && script.charAt(at + 1) != '\n') {
            add(script.charAt(at + 1), at);
        }
        return at + 1;
    }

    private int quoted(int at, char quote) {
        int end = script.indexOf(quote, at + 1);
        if (end < 0) {
            throw new IllegalArgumentException("a quote is not closed: " + script.substring(at));
        }
        inWord = true;
        word.append(script, at + 1, end);
        return end;
    }

    private int comment(int at) {
        int end = script.indexOf('\n', at);
        return end < 0 ? script.length() : end - 1;
    }

    /** The next word is a file, and a digit before the sign is not an argument. */
    private void redirection() {
        if (word.toString().matches("[0-9]")) {
            word.setLength(0);
            inWord = false;
        }
        endWord();
        isTarget = true;
    }

    /** After a redirection, an ampersand begins the name of a stream. */
    private void ampersand(int at) {
        if (isTarget && !inWord) {
            add('&', at);
        } else {
            endCommand();
        }
    }

    private void endWord() {
        if (!inWord) {
            return;
        }
        String ended = word.toString();
        word.setLength(0);
        inWord = false;
        if (isTarget) {
            isTarget = false;
        } else if (!words.isEmpty() || !ended.matches("[A-Z_]+=.*")) {
            words.add(ended);
        }
    }

    private void endCommand() {
        endWord();
        isTarget = false;
        if (!words.isEmpty()) {
            commands.add(words);
            words = new ArrayList<>();
        }
    }
}
