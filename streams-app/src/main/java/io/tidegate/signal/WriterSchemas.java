package io.tidegate.signal;

import org.apache.avro.Schema;

/** Finds the schema that a value was written with, by the id in the value. */
@FunctionalInterface
public interface WriterSchemas {
    /** Knows no schema. */
    WriterSchemas NONE = id -> new SchemaLookup.Unusable("no schema registry is set");

    /**
     * The schema of an id.
     *
     * @throws SchemaUnavailableException if nobody can tell at the moment
     */
    SchemaLookup of(int id);

    /** What an id stands for. The same id always stands for the same schema. */
    sealed interface SchemaLookup {
        /** An Avro schema. */
        record Usable(Schema schema) implements SchemaLookup {}

        /**
         * No Avro schema.
         *
         * @param why the end of a sentence that begins with the id
         */
        record Unusable(String why) implements SchemaLookup {}
    }
}
