package io.tidegate.signal;

import org.apache.avro.Schema;

/** Finds the schema that a value was written with, by the id in the value. */
@FunctionalInterface
public interface WriterSchemas {
    /** Knows no schema. */
    WriterSchemas NONE = id -> new Found.Unusable("no schema registry is set");

    /**
     * The schema of an id.
     *
     * @throws SchemaUnavailableException if nobody can tell at the moment
     */
    Found of(int id);

    /** What an id stands for. The same id always stands for the same schema. */
    sealed interface Found {
        /** An Avro schema. */
        record Usable(Schema schema) implements Found {}

        /**
         * No Avro schema.
         *
         * @param why the end of a sentence that begins with the id
         */
        record Unusable(String why) implements Found {}
    }
}
