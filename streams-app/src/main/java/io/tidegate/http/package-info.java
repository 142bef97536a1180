/** The HTTP server: routes, access, TLS and problems. */
@NullMarked
package io.tidegate.http;

import org.jspecify.annotations.NullMarked;
