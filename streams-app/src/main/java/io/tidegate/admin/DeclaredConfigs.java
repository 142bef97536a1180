package io.tidegate.admin;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.Plan;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantConfigJson;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Tenants' configs and plans as a file declares them, in YAML or JSON:
 *
 * <pre>
 * plans:
 *   pro: {max_signals_per_sec: 100, max_entities: 10000}
 * tenants:
 *   - {tenant_id: 42, label: Acme, plan: pro}
 *   - {tenant_id: 43, plan: pro, max_signals_per_sec: 500}
 * </pre>
 *
 * The fields are those of the records in {@code tenant-configs}; omitted fields are not set. An omitted section declares
 * nothing, not even that it has no entries. A block is an operator's action in an emergency, so omitting it does not remove it:
 * an entry without {@code blocked_until} keeps its block, and null ends it. Immutable.
 *
 * @param plans by name; null if the file has no such section
 * @param tenants by id; null if the file has no such section
 * @param keepingBlock the entries without {@code blocked_until}
 */
public record DeclaredConfigs(
        @Nullable Map<String, Plan> plans, @Nullable Map<TenantId, TenantConfig> tenants, Set<ConfigKey> keepingBlock) {
    private static final int PROBLEMS_MAX = 20;
    private static final String PLANS = "plans";
    private static final String TENANTS = "tenants";
    private static final String BLOCKED_UNTIL = "blocked_until";

    private static final JsonMapper JSON = new JsonMapper();
    private static final YAMLMapper YAML = YAMLMapper.builder(YAMLFactory.builder()
                    .stringQuotingChecker(new YamlQuoting())
                    .build())
            .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
            .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
            .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
            .build();

    public DeclaredConfigs {
        plans = plans == null ? null : new TreeMap<>(plans);
        tenants = tenants == null ? null : new TreeMap<>(tenants);
        keepingBlock = Set.copyOf(keepingBlock);
    }

    /** Creates declarations in which entries without a block keep theirs. */
    DeclaredConfigs(@Nullable Map<String, Plan> plans, @Nullable Map<TenantId, TenantConfig> tenants) {
        this(plans, tenants, unblocked(plans, tenants));
    }

    private static Set<ConfigKey> unblocked(
            @Nullable Map<String, Plan> plans, @Nullable Map<TenantId, TenantConfig> tenants) {
        Set<ConfigKey> keys = new HashSet<>();
        if (plans != null) {
            plans.forEach((name, plan) -> {
                if (plan.fields().blockedUntil() == null) {
                    keys.add(ConfigKey.ofPlan(name));
                }
            });
        }
        if (tenants != null) {
            tenants.forEach((tenant, config) -> {
                if (config.blockedUntil() == null) {
                    keys.add(ConfigKey.of(tenant));
                }
            });
        }
        return keys;
    }

    /**
     * Reads a file. If it begins with a brace, it is JSON.
     *
     * @throws IllegalArgumentException with a line for each entry that breaks a rule, at most 20
     */
    public static DeclaredConfigs parse(byte[] file) {
        if (!(ConfigFile.tree(file) instanceof ObjectNode root)) {
            throw new IllegalArgumentException("a mapping with %s and %s is expected".formatted(PLANS, TENANTS));
        }
        List<String> problems = new ArrayList<>();
        root.fieldNames().forEachRemaining(name -> {
            if (!Set.of(PLANS, TENANTS).contains(name)) {
                problems.add("unknown field '%s'; known: %s, %s".formatted(name, PLANS, TENANTS));
            }
        });
        Set<ConfigKey> keepingBlock = new HashSet<>();
        Map<String, Plan> plans = root.has(PLANS) ? plans(root.get(PLANS), keepingBlock, problems) : null;
        Map<TenantId, TenantConfig> tenants =
                root.has(TENANTS) ? tenants(root.get(TENANTS), keepingBlock, problems) : null;
        if (root.isEmpty()) {
            problems.add("it declares neither %s nor %s".formatted(PLANS, TENANTS));
        }
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(shown(problems));
        }
        return new DeclaredConfigs(plans, tenants, keepingBlock);
    }

    /** Returns the first problems, one per line, and the number of further ones. */
    static String shown(List<String> problems) {
        List<String> shown = new ArrayList<>(problems.subList(0, Math.min(PROBLEMS_MAX, problems.size())));
        if (problems.size() > PROBLEMS_MAX) {
            shown.add("%d more".formatted(problems.size() - PROBLEMS_MAX));
        }
        return String.join("\n", shown);
    }

    private static Map<String, Plan> plans(JsonNode section, Set<ConfigKey> keepingBlock, List<String> problems) {
        Map<String, Plan> plans = new TreeMap<>();
        if (!(section instanceof ObjectNode entries)) {
            problems.add("%s: is not a mapping from names to fields".formatted(PLANS));
            return plans;
        }
        entries.properties().forEach(entry -> {
            try {
                plans.put(
                        entry.getKey(), TenantConfigJson.parsePlan(entry.getKey(), ConfigFile.json(entry.getValue())));
                if (!entry.getValue().has(BLOCKED_UNTIL)) {
                    keepingBlock.add(ConfigKey.ofPlan(entry.getKey()));
                }
            } catch (IllegalArgumentException e) {
                problems.add("%s: %s".formatted(PLANS, e.getMessage()));
            }
        });
        return plans;
    }

    private static Map<TenantId, TenantConfig> tenants(
            JsonNode section, Set<ConfigKey> keepingBlock, List<String> problems) {
        Map<TenantId, TenantConfig> tenants = new TreeMap<>();
        if (!(section instanceof ArrayNode entries)) {
            problems.add("%s: is not a list of configs".formatted(TENANTS));
            return tenants;
        }
        for (int i = 0; i < entries.size(); i++) {
            JsonNode entry = entries.get(i);
            try {
                TenantConfig config = TenantConfigJson.parse(ConfigFile.json(entry));
                if (tenants.put(config.tenantId(), config) != null) {
                    problems.add("%s[%d]: tenant_id: %s is declared twice"
                            .formatted(TENANTS, i, config.tenantId().decimal()));
                }
                if (!entry.has(BLOCKED_UNTIL)) {
                    keepingBlock.add(ConfigKey.of(config.tenantId()));
                }
            } catch (IllegalArgumentException e) {
                problems.add("%s[%d]%s".formatted(TENANTS, i, problem(entry, String.valueOf(e.getMessage()))));
            }
        }
        return tenants;
    }

    /** Returns the rule that an entry breaks, after its tenant, which some rules name themselves. */
    private static String problem(JsonNode entry, String rule) {
        JsonNode id = entry.path("tenant_id");
        if (!id.isIntegralNumber()) {
            return ": " + rule;
        }
        String owner = "t%s: ".formatted(id.asText());
        return " (tenant_id %s): %s"
                .formatted(id.asText(), rule.startsWith(owner) ? rule.substring(owner.length()) : rule);
    }

    /** Returns the declaration as YAML, without unset fields. */
    public byte[] yaml() {
        return write(YAML);
    }

    /** Returns the declaration as JSON, without unset fields. */
    public byte[] json() {
        return write(JSON);
    }

    private byte[] write(ObjectMapper mapper) {
        ObjectNode root = JSON.createObjectNode();
        if (plans != null) {
            ObjectNode section = root.putObject(PLANS);
            plans.forEach((name, plan) -> section.set(name, fieldsSet(ConfigKey.ofPlan(name), plan.fields())));
        }
        if (tenants != null) {
            ArrayNode section = root.putArray(TENANTS);
            tenants.values().forEach(config -> section.add(fieldsSet(ConfigKey.of(config.tenantId()), config)));
        }
        try {
            return mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree is always writable", e);
        }
    }

    private static ObjectNode fieldsSet(ConfigKey key, TenantConfig config) {
        Set<String> set = TenantConfigJson.fieldsSet(config);
        // The mode of a tenant without a plan, and of a plan, is enforce if it is left out.
        boolean defaultMode = config.plan() == null && config.mode() == TenantConfig.Mode.ENFORCE;
        try {
            ObjectNode json = (ObjectNode) JSON.readTree(StoredConfig.write(key, config));
            List<String> names = new ArrayList<>();
            json.fieldNames().forEachRemaining(names::add);
            names.stream()
                    .filter(name -> !set.contains(name) || (name.equals("mode") && defaultMode))
                    .forEach(json::remove);
            return json;
        } catch (IOException e) {
            throw new IllegalStateException("a config is always readable", e);
        }
    }
}
