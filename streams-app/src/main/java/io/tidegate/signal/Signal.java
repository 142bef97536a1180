package io.tidegate.signal;

import io.tidegate.tenant.TenantId;
import org.jspecify.annotations.Nullable;

/**
 * What Tidegate reads of a signal; all else passes through untouched.
 *
 * <p>An entity id is text or an integer, and an integer is the same entity as its text: {@code 7} and {@code "7"} are
 * one item.
 *
 * @param tenantId the tenant that the value names; null where it names none
 * @param item the item it is about, or null
 * @param user the user it is about, or null
 * @param creator the creator it is about, or null
 */
public record Signal(
        @Nullable TenantId tenantId,
        @Nullable String item,
        @Nullable String user,
        @Nullable String creator) {}
