package io.tidegate.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** A run of the program within this process. */
record Cli(int exitCode, String out, String err) {
    static Cli run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Tidegate.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(args);
        return new Cli(exitCode, out.toString(), err.toString());
    }

    /** Runs a command again as long as a server of the test was too slow for it, which stderr says with this text. */
    static Cli runUnless(String tooSlow, String... args) {
        Cli run;
        do {
            run = run(args);
        } while (run.err.contains(tooSlow));
        return run;
    }
}
