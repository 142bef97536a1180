/** The stages, their state and their wiring. */
@NullMarked
package io.tidegate.topology;

import org.jspecify.annotations.NullMarked;
