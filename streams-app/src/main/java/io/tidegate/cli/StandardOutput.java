package io.tidegate.cli;

import java.io.IOError;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The standard output of one command. The first failed write ends the command: it throws, because {@link java.io.PrintWriter}
 * swallows every {@link IOException}. Remembers the failure and whether the reader has closed the pipe.
 */
final class StandardOutput extends OutputStream {
    /** Unwinds the command whose output cannot be written. An error, so that no {@code catch} of exceptions intercepts it. */
    static final class OutputLost extends IOError {
        private static final long serialVersionUID = 1L;

        OutputLost(IOException cause) {
            super(cause);
        }
    }

    private final OutputStream out;
    private final boolean pipe;
    private @Nullable IOException failure;

    /** @param pipe whether {@code out} is a pipe or a socket: its only write error is that the reader has closed it */
    StandardOutput(OutputStream out, boolean pipe) {
        this.out = out;
        this.pipe = pipe;
    }

    /** Returns whether the process's standard output is a pipe or a socket; false if this cannot be determined. */
    static boolean isPipe() {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
            return target.startsWith("pipe:") || target.startsWith("socket:");
        } catch (IOException | RuntimeException e) {
            return false;
        }
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
        if (failure != null) {
            throw new OutputLost(failure);
        }
        try {
            out.write(bytes, from, length);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    @Override
    public void flush() {
        if (failure != null) {
            throw new OutputLost(failure);
        }
        try {
            out.flush();
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private OutputLost failed(IOException e) {
        failure = e;
        return new OutputLost(e);
    }

    /** Returns the first write error; null if there was none. */
    @Nullable
    IOException failure() {
        return failure;
    }

    /** Returns whether the writes failed because the reader has closed the pipe, as after {@code | head}. */
    boolean readerGone() {
        // The operating system's text may be translated; a pipe has no other write error.
        String text = failure == null ? "" : String.valueOf(failure.getMessage());
        return failure != null && (pipe || text.contains("Broken pipe") || text.contains("Connection reset"));
    }
}
