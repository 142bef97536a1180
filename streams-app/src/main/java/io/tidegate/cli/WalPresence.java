package io.tidegate.cli;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/** Checks whether a tenant that a command names has a WAL. */
final class WalPresence {
    private WalPresence() {}

    /**
     * Returns whether a tenant has no directory here, which is an error: the id may be mistyped. Reports it, and also reports a
     * tenant without segments.
     */
    static boolean isAbsent(CommandSpec spec, DataDir dir, @Nullable TenantId tenant) throws IOException {
        if (tenant == null) {
            return false;
        }
        // Anything other than a directory, such as a link, is damage, which the command reports itself.
        for (Path part = dir.walOf(tenant); part != null && !part.equals(dir.root()); part = part.getParent()) {
            if (Files.exists(part, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(part, LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
        }
        boolean absent = !Files.exists(dir.walOf(tenant), LinkOption.NOFOLLOW_LINKS);
        if (absent
                || (Files.isDirectory(dir.walOf(tenant)) && dir.segments(tenant).isEmpty())) {
            String nothing = "tenant %s has no WAL in %s"
                    .formatted(tenant, Table.printable(dir.root().toString()));
            spec.commandLine().getErr().println(absent ? "tidegate: " + nothing : nothing + " any more");
        }
        return absent;
    }
}
