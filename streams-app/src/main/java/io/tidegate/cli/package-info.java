/** The command line: {@code tidegate}. Data goes to stdout, progress and hints to stderr. */
@NullMarked
package io.tidegate.cli;

import org.jspecify.annotations.NullMarked;
