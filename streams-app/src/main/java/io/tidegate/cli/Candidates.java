package io.tidegate.cli;

import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * The possible words at a position of a command line: commands, options, and values of options and parameters. If the label is
 * {@code TENANT} or {@code PLAN}, the values are the existing tenants or plans.
 */
final class Candidates {
    private final CommandSpec root;
    private final Supplier<List<String>> tenants;
    private final Supplier<List<String>> plans;

    /**
     * The candidates of a program.
     *
     * @param root the program, with all its commands
     * @param tenants supplies ids and names; called only where one is possible
     * @param plans supplies names; called only where one is possible
     */
    Candidates(CommandSpec root, Supplier<List<String>> tenants, Supplier<List<String>> plans) {
        this.root = root;
        this.tenants = tenants;
        this.plans = plans;
    }

    /** A position in a command line. */
    private static final class Place {
        private CommandSpec command;
        private @Nullable OptionSpec open;
        private int parameters;

        Place(CommandSpec root) {
            command = root;
        }

        void pass(String word) {
            if (open != null) {
                open = null;
            } else if (word.startsWith("-")) {
                OptionSpec option = command.findOption(word);
                open = option != null && option.arity().min() > 0 ? option : null;
            } else if (command.subcommands().containsKey(word)) {
                command = command.subcommands().get(word).getCommandSpec();
            } else {
                parameters++;
            }
        }
    }

    /** Returns the candidates for the last of these words, in order. */
    Collection<String> of(List<String> words) {
        if (words.isEmpty()) {
            return List.of();
        }
        Place place = new Place(root);
        words.subList(0, words.size() - 1).forEach(place::pass);
        String last = words.get(words.size() - 1);
        Collection<String> all = new TreeSet<>();
        int equals = last.indexOf('=');
        if (place.open != null) {
            all.addAll(values(place.open));
        } else if (last.startsWith("--") && equals > 0) {
            OptionSpec option = place.command.findOption(last.substring(0, equals));
            if (option != null) {
                values(option).forEach(value -> all.add(last.substring(0, equals + 1) + value));
            }
        } else if (last.startsWith("-")) {
            for (OptionSpec option : place.command.options()) {
                if (!option.hidden()) {
                    all.add(option.longestName());
                }
            }
        } else {
            place.command.subcommands().forEach((name, command) -> {
                CommandSpec spec = command.getCommandSpec();
                if (place.parameters == 0
                        && name.equals(spec.name())
                        && !spec.usageMessage().hidden()) {
                    all.add(name);
                }
            });
            for (PositionalParamSpec parameter : place.command.positionalParameters()) {
                if (parameter.index().contains(place.parameters)) {
                    all.addAll(values(parameter));
                }
            }
        }
        all.removeIf(one -> !one.startsWith(last));
        return all;
    }

    private List<String> values(ArgSpec argument) {
        List<String> values = CompletedCommand.values(argument);
        if (!values.isEmpty()) {
            return values;
        }
        return CompletedCommand.isTenant(argument)
                ? tenants.get()
                : CompletedCommand.isPlan(argument) ? plans.get() : values;
    }
}
