package io.tidegate.cli;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * A command as shells complete it.
 *
 * @param words the command line up to it, without the program's name; empty for the program itself
 */
record CompletedCommand(List<String> words, CommandSpec spec) {
    /** Returns the commands of a command line, the longest first: a script takes the first one whose words are a prefix. */
    static List<CompletedCommand> all(CommandLine root) {
        List<CompletedCommand> all = new ArrayList<>();
        collect(root, List.of(), all);
        all.sort((a, b) -> Integer.compare(b.words.size(), a.words.size()));
        return all;
    }

    private static void collect(CommandLine command, List<String> words, List<CompletedCommand> into) {
        into.add(new CompletedCommand(words, command.getCommandSpec()));
        command.getSubcommands().forEach((name, sub) -> {
            if (!sub.getCommandSpec().usageMessage().hidden()) {
                List<String> longer = new ArrayList<>(words);
                longer.add(name);
                collect(sub, List.copyOf(longer), into);
            }
        });
    }

    /** Returns the names of the command and its parents, in the form of a script's condition. */
    String path() {
        return String.join(" ", words);
    }

    String description() {
        return firstSentence(spec.usageMessage().description());
    }

    List<OptionSpec> options() {
        return spec.options().stream().filter(option -> !option.hidden()).toList();
    }

    List<CompletedCommand> subcommands() {
        return all(spec.commandLine()).stream()
                .filter(command -> command.words.size() == 1)
                .toList();
    }

    static String description(ArgSpec arg) {
        return firstSentence(arg.description());
    }

    /** Returns the values to offer; empty if any word may follow. */
    static List<String> values(ArgSpec arg) {
        List<String> values = new ArrayList<>();
        if (arg.completionCandidates() != null) {
            boolean isEnum = arg.auxiliaryTypes()[0].isEnum();
            arg.completionCandidates().forEach(value -> values.add(isEnum ? value.toLowerCase(Locale.ROOT) : value));
        }
        return values;
    }

    /** Returns whether the values are existing tenants or plans, which a script gets from {@link CompleteCommand}. */
    static boolean isStored(ArgSpec arg) {
        return isTenant(arg) || isPlan(arg);
    }

    static boolean isPlan(ArgSpec arg) {
        return arg.paramLabel().equals("PLAN");
    }

    static boolean isTenant(ArgSpec arg) {
        return arg.paramLabel().equals("TENANT");
    }

    static boolean isFile(ArgSpec arg) {
        Class<?> type = arg.auxiliaryTypes()[0];
        return type == Path.class || type == File.class;
    }

    static boolean takesValue(ArgSpec arg) {
        return arg.arity().max() > 0;
    }

    private static String firstSentence(String[] description) {
        String text = String.join(" ", description)
                .replaceAll("%n|\\s+", " ")
                .replace("%%", "%")
                .strip();
        int end = text.indexOf(". ");
        String sentence = end < 0 ? text : text.substring(0, end);
        return sentence.replaceFirst("\\.$", "");
    }
}
