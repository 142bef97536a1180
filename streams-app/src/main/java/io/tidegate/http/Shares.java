package io.tidegate.http;

import io.tidegate.http.Access.Principal;
import io.tidegate.http.Access.Role;
import java.util.HashMap;
import java.util.Map;

/**
 * Divides a number of places, such as work threads or live streams, between principals. A token that sees one tenant holds at
 * most a quarter, and one that sees everything at most a half; an eighth is always reserved for operators and other instances.
 * Not thread-safe.
 */
public final class Shares {
    private final int places;
    private final Map<Principal, Integer> held = new HashMap<>();
    private int all;
    private int withoutReserve;

    public Shares(int places) {
        this.places = places;
    }

    /** Takes a place. Returns false if the principal's share, or the whole, is in use. */
    public boolean take(Principal principal) {
        boolean privileged = isPrivileged(principal);
        if (all >= places
                || held.getOrDefault(principal, 0) >= of(principal)
                || (!privileged && withoutReserve >= Math.max(1, places - reserve()))) {
            return false;
        }
        held.merge(principal, 1, Integer::sum);
        all++;
        withoutReserve += privileged ? 0 : 1;
        return true;
    }

    /** Releases a place. */
    public void release(Principal principal) {
        held.computeIfPresent(principal, (who, count) -> count == 1 ? null : count - 1);
        all--;
        withoutReserve -= isPrivileged(principal) ? 0 : 1;
    }

    /** Returns how many places one principal may hold. */
    public int of(Principal principal) {
        return switch (principal.role()) {
            case PUBLIC, TENANT, TENANT_ADMIN -> Math.max(1, (places + 2) / 4);
            case READ -> Math.max(1, places / 2);
            case ADMIN, PEER -> places;
        };
    }

    public int taken() {
        return all;
    }

    private int reserve() {
        return Math.max(1, places / 8);
    }

    private static boolean isPrivileged(Principal principal) {
        return principal.role() == Role.ADMIN || principal.role() == Role.PEER;
    }
}
