package io.tidegate.cli;

import io.tidegate.tenant.Ceiling;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/**
 * Parses {@code --ceiling LIMIT=VALUE}: the options of {@link LimitOptions} without the dashes, with the same forms of values.
 */
final class CeilingOption {
    private static final Set<String> NOT_LIMITS = Set.of("entity-idle-ttl", "region", "label", "mode", "blocked-until");

    private CeilingOption() {}

    /**
     * Returns the ceiling with the given limits changed.
     *
     * @param before null if there was none
     * @throws IllegalArgumentException naming the option, its value and the rule that it breaks
     */
    static Ceiling apply(List<String> named, @Nullable Ceiling before) {
        for (String limit : named) {
            // Picocli would take an empty one as the end of options, or as the value of the one before.
            if (limit.startsWith("=") || limit.startsWith("-") || limit.indexOf('=') < 0) {
                throw new IllegalArgumentException("--ceiling: '%s' is not LIMIT=VALUE".formatted(limit));
            }
        }
        LimitOptions limits = new LimitOptions();
        CommandSpec known = CommandSpec.forAnnotatedObject(limits);
        String[] options = named.stream().map(limit -> "--" + limit).toArray(String[]::new);
        try {
            new CommandLine(known)
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .setExpandAtFiles(false)
                    .parseArgs(options);
            named.forEach(CeilingOption::checkHasValue);
            return new Ceiling(
                    limits.apply(before == null ? TenantConfig.unlimited(TenantId.DEFAULT, "") : before.limits()));
        } catch (CommandLine.UnmatchedArgumentException e) {
            throw new IllegalArgumentException(
                    "--ceiling: '%s' is not a limit; limits: %s"
                            .formatted(e.getUnmatched().get(0).substring(2).replaceFirst("(?s)=.*", ""), names(known)),
                    e);
        } catch (CommandLine.ParameterException | IllegalArgumentException e) {
            throw new IllegalArgumentException("--ceiling: " + e.getMessage(), e);
        }
    }

    /** Rejects {@code unlimited}: a ceiling without a value would be the plan's own limit, which is lower. */
    private static void checkHasValue(String limit) {
        String[] nameAndValue = limit.split("=", 2);
        if (nameAndValue[1].equals(LimitOptions.UNLIMITED)) {
            throw new IllegalArgumentException(
                    "%s: 'unlimited' is not a ceiling; give the highest value that tenants may set"
                            .formatted(nameAndValue[0]));
        }
    }

    private static String names(CommandSpec limits) {
        return limits.options().stream()
                .map(option -> option.longestName().substring(2))
                .filter(name -> !NOT_LIMITS.contains(name))
                .collect(Collectors.joining(", "));
    }
}
