/** What operators and programs do with Tidegate's topics: set them up, read and write configs, follow refusals, check. */
@NullMarked
package io.tidegate.admin;

import org.jspecify.annotations.NullMarked;
