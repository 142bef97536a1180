package io.tidegate.signal;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Read access to the headers of a record. */
@FunctionalInterface
public interface HeaderValues {
    /** No headers. */
    HeaderValues NONE = name -> List.of();

    /** Returns the values of all headers with this name, in order; empty if there is none. */
    List<byte @Nullable []> of(String name);
}
