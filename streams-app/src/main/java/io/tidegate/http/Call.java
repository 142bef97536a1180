package io.tidegate.http;

import io.tidegate.http.Access.Principal;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantName;
import java.util.Map;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

/**
 * A request that is ready to be handled: its route is known, its sender is authorized, and its body is complete.
 *
 * @param path the values of the route template's parameters
 */
@SuppressWarnings("ArrayRecordComponent") // calls are not compared
public record Call(Principal principal, Map<String, String> path, Fields query, HttpFields headers, byte[] body) {
    /**
     * Returns the tenant in the path. A tenant's name has already been replaced by its id.
     *
     * @throws Problem if it is neither the canonical form of an id nor the name of a tenant
     */
    public TenantId tenant() {
        return tenant(path.getOrDefault("id", ""));
    }

    public static TenantId tenant(String text) {
        try {
            return TenantId.parse(text);
        } catch (IllegalArgumentException e) {
            if (TenantName.tryParse(text) != null) {
                throw new Problem(Problem.Kind.TENANT_UNKNOWN, "no tenant has the name '%s'".formatted(text), e)
                        .member("tenant", text);
            }
            throw new Problem(Problem.Kind.BAD_REQUEST, e.getMessage(), e).member("field", "id");
        }
    }

    /** Returns a query parameter; null if it is absent. A repeated parameter is rejected: two readers could see two values. */
    @Nullable
    public String query(String name) {
        Fields.Field field = query.get(name);
        if (field == null) {
            return null;
        }
        if (field.getValues().size() > 1) {
            throw Problem.badField(Problem.Kind.BAD_REQUEST, name, "is given twice");
        }
        return field.getValue();
    }

    public int query(String name, int fallback, int min, int max) {
        String text = query(name);
        if (text == null) {
            return fallback;
        }
        try {
            int value = Integer.parseInt(text);
            if (value >= min && value <= max) {
                return value;
            }
        } catch (NumberFormatException e) {
            // reported below
        }
        throw Problem.badField(Problem.Kind.BAD_REQUEST, name, "expected a number from %d to %d".formatted(min, max));
    }

    /** Rejects unknown parameters: a misspelt filter would show too much. */
    public void allowQuery(java.util.Set<String> known) {
        for (String name : query.getNames()) {
            if (!known.contains(name)) {
                throw Problem.badField(
                        Problem.Kind.BAD_REQUEST,
                        name.length() <= 40 ? name : name.substring(0, 40) + "…",
                        "is unknown; the parameters are: " + String.join(", ", new java.util.TreeSet<>(known)));
            }
        }
    }
}
