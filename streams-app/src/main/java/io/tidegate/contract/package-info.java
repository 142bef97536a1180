/** The public and stored formats, on which other programs may rely: topics, headers, keys, values and partitioning. */
@NullMarked
package io.tidegate.contract;

import org.jspecify.annotations.NullMarked;
