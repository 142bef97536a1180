/** The settings: what they are, where their values come from, and what must hold between them. */
@NullMarked
package io.tidegate.config;

import org.jspecify.annotations.NullMarked;
