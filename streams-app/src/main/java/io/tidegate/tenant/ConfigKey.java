package io.tidegate.tenant;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** The key of a record in {@code tenant-configs}: a tenant's decimal id, or {@code plan:NAME}. Plans come first in order. */
public sealed interface ConfigKey extends Comparable<ConfigKey> {
    String PLAN_PREFIX = "plan:";

    /** A tenant's config. */
    record OfTenant(TenantId tenant) implements ConfigKey {
        @Override
        public String text() {
            return tenant.decimal();
        }

        @Override
        public String toString() {
            return "tenant " + tenant;
        }
    }

    /** A plan. */
    record OfPlan(String name) implements ConfigKey {
        public OfPlan {
            Plan.checkName("plan", name);
        }

        @Override
        public String text() {
            return PLAN_PREFIX + name;
        }

        @Override
        public String toString() {
            return "plan '%s'".formatted(name);
        }
    }

    static ConfigKey of(TenantId tenant) {
        return new OfTenant(tenant);
    }

    static ConfigKey ofPlan(String name) {
        return new OfPlan(name);
    }

    /** Reads a record's key; null if it is invalid. */
    static @Nullable ConfigKey tryParse(byte @Nullable [] key) {
        if (key == null) {
            return null;
        }
        TenantId tenant = TenantId.tryParse(key);
        if (tenant != null) {
            return of(tenant);
        }
        String text = new String(key, StandardCharsets.ISO_8859_1);
        if (!text.startsWith(PLAN_PREFIX)) {
            return null;
        }
        try {
            return ofPlan(text.substring(PLAN_PREFIX.length()));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** The key as text. */
    String text();

    /** The key as stored in Kafka. */
    default byte[] bytes() {
        return text().getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    default int compareTo(ConfigKey other) {
        if (this instanceof OfTenant mine && other instanceof OfTenant others) {
            return mine.tenant().compareTo(others.tenant());
        }
        if (this instanceof OfPlan mine && other instanceof OfPlan others) {
            return mine.name().compareTo(others.name());
        }
        return this instanceof OfPlan ? -1 : 1;
    }
}
