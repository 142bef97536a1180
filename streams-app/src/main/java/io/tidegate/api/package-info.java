/** The endpoints under {@code /v1}, and the counts of the last hour. */
@NullMarked
package io.tidegate.api;

import org.jspecify.annotations.NullMarked;
