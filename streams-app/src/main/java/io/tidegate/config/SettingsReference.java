package io.tidegate.config;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;

/** The settings as a documentation page; a test checks that {@code docs/settings.md} equals it. */
public final class SettingsReference {
    private SettingsReference() {}

    public static String markdown() {
        StringBuilder page = new StringBuilder("""
                # Settings

                Generated from the code by `tidegate config reference`. Do not edit.

                A value comes from the first of: a flag (`--set NAME=VALUE`, and `--bootstrap-server`, `--data-dir`), the
                environment (`TIDEGATE_DATA_DIR` for `data.dir`), the file given with `--config`, the default. An unknown
                name is an error. If a setting has no default, an empty value is the same as none.

                Names that begin with `kafka.` go to the Kafka clients unchanged, without the prefix:
                `kafka.security.protocol=SASL_SSL`. Tidegate rejects misspelled names, client settings for which the tables
                below have a setting (such as `kafka.commit.interval.ms`), and those that guarantees depend on:
                `processing.guarantee`, `isolation.level`, `auto.offset.reset`, `max.request.size`, `buffer.memory`,
                `processing.exception.handler`, `deserialization.exception.handler` and `production.exception.handler`.
                """);
        Map<String, List<ConfigKey>> groups = Settings.DEFINITIONS.configKeys().values().stream()
                .sorted(Comparator.comparingInt(key -> key.orderInGroup))
                .collect(Collectors.groupingBy(key -> key.group, TreeMap::new, Collectors.toList()));
        groups.forEach((group, keys) -> {
            page.append("\n## ").append(group).append("\n\n");
            page.append("| name | type | default | allowed | what it does |\n| --- | --- | --- | --- | --- |\n");
            for (ConfigKey key : keys) {
                Object fallback = key.defaultValue;
                page.append("| `%s` | %s | %s | %s | %s |\n"
                        .formatted(
                                key.name,
                                key.type.name().toLowerCase(java.util.Locale.ROOT),
                                fallback == null ? "" : "`" + plain(fallback) + "`",
                                key.validator == null ? "" : escaped(key.validator.toString()),
                                escaped(key.documentation)));
            }
        });
        return page.toString();
    }

    private static String plain(Object value) {
        return value instanceof List<?> list
                ? list.stream().map(Object::toString).collect(Collectors.joining(","))
                : value.toString();
    }

    private static String escaped(String text) {
        return text.replace("|", "\\|").replace("<", "&lt;");
    }
}
