/**
 * Signals: one streaming parse of a signal's value. Pure; depends on {@code tenant} and Jackson's streaming core only.
 */
@NullMarked
package io.tidegate.signal;

import org.jspecify.annotations.NullMarked;
