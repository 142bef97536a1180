package io.tidegate.signal;

import org.apache.avro.Schema;

/** Finds the schema that a value was written with, by the id in the value. */
@FunctionalInterface
public interface WriterSchemas {
    /** Knows no schemas. */
    WriterSchemas NONE = id -> new SchemaLookup.Unusable("no schema registry is set");

    /**
     * Returns the schema with an id.
     *
     * @throws SchemaUnavailableException if it cannot be determined at the moment
     */
    SchemaLookup of(int id);

    /** The result for an id, which never changes. */
    sealed interface SchemaLookup {
        /** An Avro schema. */
        record Usable(Schema schema) implements SchemaLookup {}

        /**
         * Not an Avro schema.
         *
         * @param why the end of a sentence that begins with the id
         */
        record Unusable(String why) implements SchemaLookup {}
    }
}
