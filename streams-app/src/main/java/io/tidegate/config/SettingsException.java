package io.tidegate.config;

/** Settings that cannot be used. The message names the key, the value, where it comes from and the rule. */
public final class SettingsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SettingsException(String message) {
        super(message);
    }
}
