package io.tidegate.config;

import java.util.Collection;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Suggests the correct name for a misspelt one. A dissimilar name is worse than none. */
public final class NearestName {
    /** A typo is an extra, missing or wrong letter. A name may have one typo per this many letters. */
    private static final int LETTERS_PER_SLIP = 3;

    private NearestName() {}

    /** Returns the nearest of the names, the first by alphabet of several; null if none is similar. */
    public static @Nullable String of(String misspelt, Collection<String> names) {
        return of(misspelt, names, misspelt.replaceFirst("^-+", "").length() / LETTERS_PER_SLIP);
    }

    /** Returns the nearest of the names within so many slips, the first by alphabet of several; null if there is none. */
    static @Nullable String of(String misspelt, Collection<String> names, int slipsMax) {
        String best = null;
        int bestDistance = slipsMax + 1;
        for (String name : new TreeSet<>(names)) {
            int distance = distance(misspelt, name);
            if (distance < bestDistance) {
                best = name;
                bestDistance = distance;
            }
        }
        return best;
    }

    /** Returns the Levenshtein distance: the number of letters to insert, delete or replace. */
    private static int distance(String from, String to) {
        int[] row = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[to.length()];
    }
}
