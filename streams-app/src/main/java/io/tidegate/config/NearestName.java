package io.tidegate.config;

import java.util.Collection;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Finds the name that a misspelt one was meant as. A name that is not alike is worse than none. */
public final class NearestName {
    /** A slip is a letter too many, too few or wrong; a name may have one for so many letters. */
    private static final int LETTERS_PER_SLIP = 3;

    private NearestName() {}

    /** Returns the nearest of the names, the first by alphabet of several; null if none is similar. */
    public static @Nullable String of(String misspelt, Collection<String> names) {
        return of(misspelt, names, Math.max(1, misspelt.length() / LETTERS_PER_SLIP));
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

    /** The Levenshtein distance: how many letters to insert, drop or replace. */
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
