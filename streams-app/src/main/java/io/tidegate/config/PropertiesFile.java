package io.tidegate.config;

import io.tidegate.wal.FileFault;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads Java properties in UTF-8, with or without a byte order mark. A name that occurs twice is an error. */
public final class PropertiesFile {
    /** Some editors begin a file in UTF-8 with it. */
    private static final char BYTE_ORDER_MARK = '\uFEFF';

    private PropertiesFile() {}

    /**
     * Reads all properties of a file, sorted by name.
     *
     * @param purpose the file's role in messages, such as {@code the settings file}
     * @throws SettingsException with the file and the cause
     */
    public static Map<String, String> read(String purpose, Path file) {
        Properties properties = new UniqueProperties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            reader.mark(1);
            if (reader.read() != BYTE_ORDER_MARK) {
                reader.reset();
            }
            properties.load(reader);
        } catch (NoSuchFileException e) {
            throw new SettingsException("%s %s does not exist".formatted(purpose, file));
        } catch (IOException e) {
            throw new SettingsException("%s %s cannot be read: %s".formatted(purpose, file, FileFault.describe(e)));
        } catch (IllegalArgumentException e) {
            throw new SettingsException("%s %s cannot be read: %s".formatted(purpose, file, e.getMessage()));
        }
        Map<String, String> byName = new TreeMap<>();
        properties.stringPropertyNames().forEach(name -> byName.put(name, properties.getProperty(name)));
        return byName;
    }

    /** Java keeps the last of two values for one name, without a warning. */
    private static final class UniqueProperties extends Properties {
        private static final long serialVersionUID = 1;

        @Override
        public synchronized @Nullable Object put(Object key, Object value) {
            if (containsKey(key)) {
                throw new IllegalArgumentException("it has the setting %s twice".formatted(key));
            }
            return super.put(key, value);
        }
    }
}
