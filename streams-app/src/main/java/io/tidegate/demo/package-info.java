/** Tidegate on one machine with only a JDK: an embedded broker, sample tenants and their traffic. */
@NullMarked
package io.tidegate.demo;

import org.jspecify.annotations.NullMarked;
