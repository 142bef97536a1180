/** The settings: definitions, sources of values, and constraints between them. */
@NullMarked
package io.tidegate.config;

import org.jspecify.annotations.NullMarked;
