/** The composition root: builds an instance from its settings, and closes everything it started. */
@NullMarked
package io.tidegate.instance;

import org.jspecify.annotations.NullMarked;
