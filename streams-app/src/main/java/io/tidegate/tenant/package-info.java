/**
 * Who: tenant ids and what each tenant may do.
 *
 * <p>Pure values. No Kafka, no clock, no I/O; Jackson appears only as annotations and in {@link
 * io.tidegate.tenant.TenantConfigJson}.
 */
@NullMarked
package io.tidegate.tenant;

import org.jspecify.annotations.NullMarked;
