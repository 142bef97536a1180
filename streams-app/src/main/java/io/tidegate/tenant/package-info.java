/**
 * Tenants: their ids, names and limits.
 *
 * <p>Pure values. No Kafka, no clock, no I/O. Jackson appears only in annotations, and in {@link
 * io.tidegate.tenant.TenantConfigJson} and its {@code JsonFaults}.
 */
@NullMarked
package io.tidegate.tenant;

import org.jspecify.annotations.NullMarked;
