/** The public and stored formats: topics, headers, keys, values and partitioning. What other programs may rely on. */
@NullMarked
package io.tidegate.contract;

import org.jspecify.annotations.NullMarked;
