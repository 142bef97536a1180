package io.tidegate.cli;

import io.tidegate.tenant.Ceiling;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/**
 * Parses {@code --ceiling LIMIT=VALUE}: the options of {@link LimitOptions} without the dashes, with the same forms of values.
 */
final class CeilingOption {
    private CeilingOption() {}

    /**
     * Returns the ceiling with the given limits changed.
     *
     * @param before null if there was none
     * @throws IllegalArgumentException naming the option, its value and the rule that it breaks
     */
    static Ceiling apply(List<String> named, @Nullable Ceiling before) {
        LimitOptions limits = new LimitOptions();
        String[] options = named.stream().map(limit -> "--" + limit).toArray(String[]::new);
        try {
            new CommandLine(CommandLine.Model.CommandSpec.forAnnotatedObject(limits))
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .parseArgs(options);
            return new Ceiling(
                    limits.apply(before == null ? TenantConfig.unlimited(TenantId.DEFAULT, "") : before.limits()));
        } catch (CommandLine.ParameterException | IllegalArgumentException e) {
            throw new IllegalArgumentException("--ceiling: " + e.getMessage(), e);
        }
    }
}
