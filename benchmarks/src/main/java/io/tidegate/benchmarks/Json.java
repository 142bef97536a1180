package io.tidegate.benchmarks;

import java.util.Locale;
import java.util.StringJoiner;

/** A JSON object of numbers and other objects. Its names are constants of the benchmarks and need no escapes. */
public final class Json {
    private final StringJoiner fields = new StringJoiner(",", "{", "}");

    Json number(String name, double value, int decimals) {
        return raw(name, Double.isFinite(value) ? String.format(Locale.ROOT, "%." + decimals + "f", value) : "null");
    }

    Json number(String name, long value) {
        return raw(name, Long.toString(value));
    }

    Json raw(String name, String value) {
        fields.add("\"" + name + "\":" + value);
        return this;
    }

    @Override
    public String toString() {
        return fields.toString();
    }
}
