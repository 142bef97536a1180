/** Topics, configs and commands of a deployment, and the operations on a tenant that CLI and API share. */
@NullMarked
package io.tidegate.admin;

import org.jspecify.annotations.NullMarked;
