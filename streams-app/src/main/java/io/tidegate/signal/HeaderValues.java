package io.tidegate.signal;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The headers of a record, for reading. */
@FunctionalInterface
public interface HeaderValues {
    /** No headers. */
    HeaderValues NONE = name -> List.of();

    /** The values of all headers of this name, in order; empty if there is none. */
    List<byte @Nullable []> of(String name);
}
