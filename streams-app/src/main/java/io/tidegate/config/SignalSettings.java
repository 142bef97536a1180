package io.tidegate.config;

import io.tidegate.contract.TenantSource;
import io.tidegate.signal.FieldSource;
import io.tidegate.signal.SignalField;
import io.tidegate.signal.SignalFormat;
import io.tidegate.signal.SignalMapping;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.AbstractConfig;

/**
 * The places of a signal's tenant, type and entities, from the settings {@code signal.…}.
 *
 * <p>The defaults are the places in Tidegate's own JSON format. In other formats, a field without a setting is not read.
 */
final class SignalSettings {
    /** The prefix of headers that Tidegate itself sets; it replaces headers of a producer with these names. */
    private static final String OWN_HEADERS = "tidegate.";

    private SignalSettings() {}

    /**
     * Reads the mapping.
     *
     * @param isSet returns whether a setting is given rather than a default
     * @throws SettingsException with key, value and rule
     */
    static SignalMapping mapping(AbstractConfig config, Predicate<String> isSet) {
        SignalFormat format = SignalFormat.of(config.getString(Settings.SIGNAL_FORMAT));
        Map<SignalField, List<FieldSource>> sources = new EnumMap<>(SignalField.class);
        for (SignalField field : SignalField.values()) {
            String key = field.setting();
            List<FieldSource> ofField = new ArrayList<>();
            // The defaults are places in Tidegate's own format, which other formats do not have.
            if (format == SignalFormat.JSON || isSet.test(key)) {
                for (String text : field.isEntity() ? config.getList(key) : one(key, config.getString(key))) {
                    if (!text.isEmpty()) {
                        ofField.add(source(key, text));
                    }
                }
            }
            sources.put(field, ofField);
        }
        try {
            return new SignalMapping(format, sources);
        } catch (IllegalArgumentException e) {
            throw new SettingsException(e.getMessage());
        }
    }

    /** Returns the only place of a field. A comma separates places, as in lists. */
    private static List<String> one(String key, String text) {
        int places = text.split(",", -1).length;
        if (places > 1) {
            throw new SettingsException(
                    "%s = %s: has %d places, separated by commas; at most 1 is allowed".formatted(key, text, places));
        }
        return List.of(text);
    }

    /** Returns places in the form of the settings. */
    static String text(List<FieldSource> sources) {
        return sources.stream().map(SignalSettings::text).collect(Collectors.joining(","));
    }

    private static String text(FieldSource source) {
        if (source instanceof FieldSource.Pointer pointer) {
            return pointer.text();
        }
        return source instanceof FieldSource.Header header ? "header:" + header.name() : "key";
    }

    private static FieldSource source(String key, String text) {
        try {
            FieldSource source = FieldSource.parse(text);
            if (source instanceof FieldSource.Header header && header.name().startsWith(OWN_HEADERS)) {
                throw new IllegalArgumentException(
                        "headers that begin with %s are Tidegate's own".formatted(OWN_HEADERS));
            }
            return source;
        } catch (IllegalArgumentException e) {
            throw new SettingsException("%s = %s: %s".formatted(key, text, e.getMessage()));
        }
    }

    /** Returns the addresses of the schema registry; empty if the format needs none. */
    static List<URI> registry(SignalFormat format, List<String> urls, String key) {
        if (format != SignalFormat.AVRO) {
            return List.of();
        }
        if (urls.isEmpty() || urls.size() > SchemaRegistrySettings.URLS_MAX) {
            throw new SettingsException(
                    "%s has %d addresses: with %s = avro, name 1 to %d addresses of the schema registry"
                            .formatted(key, urls.size(), Settings.SIGNAL_FORMAT, SchemaRegistrySettings.URLS_MAX));
        }
        return urls.stream().map(text -> registryAt(key, text)).toList();
    }

    private static URI registryAt(String key, String text) {
        URI url = null;
        try {
            url = new URI(text);
        } catch (URISyntaxException e) {
            // the message below describes the expected form
        }
        boolean isAddress = url != null
                && url.getScheme() != null
                && Set.of("http", "https").contains(url.getScheme().toLowerCase(Locale.ROOT))
                && url.getHost() != null
                && url.getQuery() == null
                && url.getFragment() == null;
        if (!isAddress) {
            throw new SettingsException("%s = %s: each must be an address such as https://registry:8081"
                    .formatted(key, text.contains("@") ? "[hidden]" : text));
        }
        if (url.getUserInfo() != null) {
            // Settings are shown and logged.
            throw new SettingsException("%s: an address must not contain a password: use %s"
                    .formatted(key, Settings.SCHEMA_REGISTRY_CREDENTIALS_FILE));
        }
        return url;
    }

    /** Checks that {@code tenant.source} and the mapping are consistent. */
    static void check(SignalMapping mapping, TenantSource source, boolean missingIsDefault) {
        List<FieldSource> tenant = mapping.of(SignalField.TENANT);
        String key = SignalField.TENANT.setting();
        if (source != TenantSource.VALUE) {
            if (!tenant.isEmpty() && !(tenant.get(0) instanceof FieldSource.Pointer)) {
                throw new SettingsException(
                        ("%s names the %s, and %s = %s: two sources for the tenant. Leave %s = value, or %s a JSON pointer"
                                        + " or empty")
                                .formatted(
                                        key,
                                        tenant.get(0).place(),
                                        Settings.TENANT_SOURCE,
                                        source.name().toLowerCase(Locale.ROOT),
                                        Settings.TENANT_SOURCE,
                                        key));
            }
        } else if (tenant.isEmpty() && !missingIsDefault) {
            throw new SettingsException(
                    ("%s is empty and %s = value: no signal could name its tenant. Set %s to a header or the key%s, set %s to"
                                    + " header, key or topic, or set %s = default")
                            .formatted(
                                    key,
                                    Settings.TENANT_SOURCE,
                                    key,
                                    mapping.format().hasPointers() ? ", or to a JSON pointer" : "",
                                    Settings.TENANT_SOURCE,
                                    Settings.TENANTS_MISSING));
        }
    }
}
