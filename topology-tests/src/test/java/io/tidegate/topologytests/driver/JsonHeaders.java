package io.tidegate.topologytests.driver;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;

/** Reads the headers of a record that the program printed as JSON. */
public final class JsonHeaders {
    private JsonHeaders() {}

    /** The text of the last header with a name; null if there is none. */
    public static @Nullable String text(JsonNode record, String name) {
        String text = null;
        for (JsonNode header : record.get("headers")) {
            if (header.get("name").textValue().equals(name)) {
                text = header.path("value").textValue();
            }
        }
        return text;
    }
}
