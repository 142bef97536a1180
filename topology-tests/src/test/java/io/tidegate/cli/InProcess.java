package io.tidegate.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** A command run in this process. It is in this package because the command line is not public. */
public record InProcess(int exit, String out, String err) {
    /** Runs a command as the program would. */
    public static InProcess run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exit = Tidegate.commandLine(arguments)
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
        return new InProcess(exit, out.toString(), err.toString());
    }
}
