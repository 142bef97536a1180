package io.tidegate.cli;

import io.tidegate.config.SettingsLoader;
import java.util.Iterator;
import java.util.Map;

/** The settings, for completion; a value follows each. */
final class SettingCandidates implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
        return SettingsLoader.load(null, Map.of(), Map.of()).explained().keySet().stream()
                .map(name -> name + "=")
                .iterator();
    }
}
