/**
 * The HTTP face of an instance: the API, health, and the dashboard's files. Start at {@link
 * io.tidegate.http.HttpServer}, then {@link io.tidegate.http.Routes}.
 *
 * <p>Nothing here takes part in a decision or holds a thread of the signal path up: it has threads of its own, few of
 * them, and every queue has a bound.
 */
@NullMarked
package io.tidegate.http;

import org.jspecify.annotations.NullMarked;
