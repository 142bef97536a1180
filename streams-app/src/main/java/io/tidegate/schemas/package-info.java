/** The schemas of Avro values, from a schema registry. */
@NullMarked
package io.tidegate.schemas;

import org.jspecify.annotations.NullMarked;
