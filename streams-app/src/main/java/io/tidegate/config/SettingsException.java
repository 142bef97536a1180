package io.tidegate.config;

/** Invalid settings. The message names the key, the value, its origin and the rule. */
public final class SettingsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SettingsException(String message) {
        super(message);
    }
}
