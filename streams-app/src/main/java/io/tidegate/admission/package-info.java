/**
 * Admission: the token bucket, the entity set, and the decision as a function of config, usage, signal and time.
 *
 * <p>Pure: no Kafka, no clock, no I/O. Depends on {@code tenant} and {@code signal} only. Start at {@link
 * io.tidegate.admission.Admission}.
 */
@NullMarked
package io.tidegate.admission;

import org.jspecify.annotations.NullMarked;
