/** Tools for a running deployment: conservation check, doctor, dry run, replay, load, WAL repair. */
@NullMarked
package io.tidegate.tools;

import org.jspecify.annotations.NullMarked;
