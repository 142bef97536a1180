/**
 * Signals: one streaming parse of a signal's value. Pure; depends only on {@code tenant}, Jackson's streaming core, and
 * Avro's schemas and decoder.
 */
@NullMarked
package io.tidegate.signal;

import org.jspecify.annotations.NullMarked;
