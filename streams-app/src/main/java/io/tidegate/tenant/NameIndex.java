package io.tidegate.tenant;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The names of all tenants.
 *
 * <p>A name that several tenants claim refers to none of them. That depends only on the configs, not on the order in
 * which they were written. So every instance resolves it in the same way, even after a restart or compaction, and no
 * signal reaches the directory of the wrong tenant.
 *
 * <p>Any number of threads can look up a name; only one thread writes and reads the conflicts.
 */
public final class NameIndex implements TenantNames {
    /** The claimants of each name, in the order of their ids. */
    private final Map<String, List<TenantId>> claims = new HashMap<>();

    private final Map<TenantId, List<String>> ofTenant = new HashMap<>();
    private final Map<String, TenantId> unambiguous = new ConcurrentHashMap<>();
    private int conflictCount;

    @Override
    public @Nullable TenantId named(String name) {
        return unambiguous.get(name);
    }

    /**
     * Replaces the names of a tenant.
     *
     * @param names empty to remove all
     * @return those of its names that other tenants claim too
     */
    public List<String> put(TenantId tenant, List<String> names) {
        List<String> before = names.isEmpty() ? ofTenant.remove(tenant) : ofTenant.put(tenant, names);
        if (before != null) {
            for (String name : before) {
                if (!names.contains(name)) {
                    claim(name, tenant, false);
                }
            }
        }
        List<String> conflicts = new ArrayList<>();
        for (String name : names) {
            if (claim(name, tenant, true).size() > 1) {
                conflicts.add(name);
            }
        }
        return conflicts;
    }

    private List<TenantId> claim(String name, TenantId tenant, boolean isClaimed) {
        List<TenantId> claimants = new ArrayList<>(claimants(name));
        conflictCount -= claimants.size() > 1 ? 1 : 0;
        claimants.remove(tenant);
        if (isClaimed) {
            claimants.add(tenant);
            claimants.sort(null);
        }
        if (claimants.isEmpty()) {
            claims.remove(name);
        } else {
            claims.put(name, List.copyOf(claimants));
        }
        conflictCount += claimants.size() > 1 ? 1 : 0;
        if (claimants.size() == 1) {
            unambiguous.put(name, claimants.get(0));
        } else {
            unambiguous.remove(name);
        }
        return claimants;
    }

    /** Forgets all names. */
    public void clear() {
        claims.clear();
        ofTenant.clear();
        unambiguous.clear();
        conflictCount = 0;
    }

    /** Returns the names that a tenant claims. */
    public List<String> ofTenant(TenantId tenant) {
        return ofTenant.getOrDefault(tenant, List.of());
    }

    /** Returns the tenants that claim a name. */
    public List<TenantId> claimants(String name) {
        return claims.getOrDefault(name, List.of());
    }

    /** Returns the number of names that several tenants claim. */
    public int conflictCount() {
        return conflictCount;
    }

    /** Returns the names that several tenants claim, with their claimants. */
    public Map<String, List<TenantId>> conflicts() {
        Map<String, List<TenantId>> conflicts = new TreeMap<>();
        claims.forEach((name, claimants) -> {
            if (claimants.size() > 1) {
                conflicts.put(name, claimants);
            }
        });
        return conflicts;
    }
}
