package io.tidegate.cli;

import io.tidegate.admin.TenantDirectory;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The common part of all commands on tenants. */
abstract class OnTenants implements Callable<Integer> {
    @Mixin
    SettingsOptions options = new SettingsOptions();

    @Spec
    @Nullable
    CommandSpec spec;

    TenantDirectory directory() {
        return new TenantDirectory(options.loadConnected());
    }

    PrintWriter out() {
        return spec.commandLine().getOut();
    }

    void hint(String text) {
        spec.commandLine().getErr().println(ProgramName.pasteable(text));
    }
}
