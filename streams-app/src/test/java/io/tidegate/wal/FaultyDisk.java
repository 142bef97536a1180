package io.tidegate.wal;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.StandardOpenOption;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A disk with injected failures: a file system over a directory of the real one, which counts every change, fails at one of
 * them, and can lose data that was not fsynced.
 *
 * <p>A file's bytes are durable once the file is forced, a name once its directory is. Anything else may or may not survive
 * {@link #losePower}, each file and each name independently, as POSIX allows. After a failed force, the bytes that were not
 * durable stay readable until the power fails, and only writing them again makes them durable, as on Linux. Many threads can open and force files at once;
 * all other methods are for one thread.
 */
final class FaultyDisk extends FileSystemProvider {
    /** A file or directory, independent of its names, which can change. */
    private static final class Node {
        final boolean directory;
        final Map<String, Node> names = new TreeMap<>();
        Map<String, Node> durableNames = Map.of();
        byte[] durable = new byte[0];

        /** The positions that are only in the page cache, which regards them as written. */
        final BitSet lost = new BitSet();

        Node(boolean directory) {
            this.directory = directory;
        }

        /** Returns the bytes without those that a failed force has lost. */
        byte[] onDisk(byte[] cached) {
            byte[] written = cached.clone();
            lost.stream()
                    .takeWhile(at -> at < written.length)
                    .forEach(at -> written[at] = at < durable.length ? durable[at] : 0);
            return written;
        }
    }

    private final Path base;
    private final Disk fileSystem = new Disk();
    private final List<FileChannel> channels = new ArrayList<>();
    private Node top = new Node(true);
    private int steps;
    private int breakAt;
    private boolean forGood;
    private boolean dead;
    private boolean broke;
    private int segmentsOpened;
    private int segmentsForced;

    /** @param base an empty directory, which itself is durable */
    FaultyDisk(Path base) {
        this.base = base;
    }

    Path root() {
        return new DiskPath(base);
    }

    /** Fails at the nth change from now, and with {@code nothingAfter} at all later ones, as after a power failure. */
    void breakAt(int step, boolean nothingAfter) {
        steps = 0;
        breakAt = step;
        forGood = nothingAfter;
        broke = false;
    }

    boolean broke() {
        return broke;
    }

    /** The number of times that a segment was opened for writing. */
    int segmentsOpened() {
        return segmentsOpened;
    }

    /** The number of times that a segment was fsynced. */
    int segmentsForced() {
        return segmentsForced;
    }

    private static boolean isSegment(Path path) {
        return path.toString().endsWith(".log");
    }

    /** Closes the open files without loss, like the operating system at the end of a process. The disk works again. */
    void killProcess() throws IOException {
        dead = false;
        for (FileChannel channel : channels) {
            channel.close();
        }
        channels.clear();
    }

    /** Leaves on the real directory a state that is possible after the power failure. */
    void losePower(Random random) throws IOException {
        killProcess();
        Map<Node, byte[]> current = new HashMap<>();
        remember(top, base, current);
        try (Stream<Path> all = Files.walk(base)) {
            for (Path path : all.sorted((a, b) -> b.compareTo(a)).toList()) {
                if (!path.equals(base)) {
                    Files.delete(path);
                }
            }
        }
        top = survivor(top, base, current, random);
        breakAt = 0;
    }

    private static void remember(Node node, Path path, Map<Node, byte[]> current) throws IOException {
        if (node.directory) {
            for (Map.Entry<String, Node> entry : node.names.entrySet()) {
                remember(entry.getValue(), path.resolve(entry.getKey()), current);
            }
        } else {
            current.put(node, node.onDisk(Files.readAllBytes(path)));
        }
    }

    private static Node survivor(Node node, Path path, Map<Node, byte[]> current, Random random) throws IOException {
        Node after = new Node(node.directory);
        if (!node.directory) {
            after.durable = survivor(node.durable, current.getOrDefault(node, node.durable), random);
            Files.write(path, after.durable);
            return after;
        }
        Files.createDirectories(path);
        Set<String> names = new TreeSet<>(node.names.keySet());
        names.addAll(node.durableNames.keySet());
        for (String name : names) {
            Node kept = random.nextBoolean() ? node.names.get(name) : node.durableNames.get(name);
            if (kept != null) {
                after.names.put(name, survivor(kept, path.resolve(name), current, random));
            }
        }
        after.durableNames = Map.copyOf(after.names);
        return after;
    }

    private static byte[] survivor(byte[] durable, byte[] current, Random random) {
        int same = Arrays.mismatch(durable, current);
        if (same >= 0 && same < durable.length) {
            return random.nextBoolean() ? durable : current;
        }
        int more = current.length - durable.length;
        return switch (random.nextInt(3)) {
            case 0 -> durable;
            case 1 -> current;
            default -> Arrays.copyOf(current, durable.length + (more == 0 ? 0 : random.nextInt(more)));
        };
    }

    private void alive() throws IOException {
        if (dead) {
            throw new IOException("the power is off");
        }
    }

    /** Counts a change before it is made; returns whether it must fail. */
    private boolean breaks() throws IOException {
        alive();
        boolean now = ++steps == breakAt;
        if (now) {
            broke = true;
            dead = forGood;
        }
        return now;
    }

    private void change(String what) throws IOException {
        if (breaks()) {
            throw new IOException("this " + what + " was told to fail");
        }
    }

    private Node node(Path real) throws IOException {
        Node node = top;
        if (!real.equals(base)) {
            for (Path name : base.relativize(real)) {
                node = node.names.get(name.toString());
                if (node == null) {
                    throw new NoSuchFileException(real.toString());
                }
            }
        }
        return node;
    }

    private static Path real(Path path) {
        return ((DiskPath) path).real;
    }

    private static String name(Path real) {
        return real.getFileName().toString();
    }

    @Override
    public synchronized FileChannel newFileChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        alive();
        Path real = real(path);
        boolean create = options.contains(StandardOpenOption.CREATE_NEW) || options.contains(StandardOpenOption.CREATE);
        boolean creates = create && !Files.exists(real, LinkOption.NOFOLLOW_LINKS);
        if (creates) {
            change("create");
        }
        FileChannel channel = FileChannel.open(real, options, attributes);
        if (creates) {
            node(real.getParent()).names.put(name(real), new Node(false));
        }
        channels.add(channel);
        segmentsOpened += isSegment(real) && options.contains(StandardOpenOption.WRITE) ? 1 : 0;
        return new DiskChannel(channel, node(real), real);
    }

    @Override
    public SeekableByteChannel newByteChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        return newFileChannel(path, options, attributes);
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(Path directory, DirectoryStream.Filter<? super Path> filter)
            throws IOException {
        alive();
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(real(directory))) {
            for (Path entry : stream) {
                Path wrapped = new DiskPath(entry);
                if (filter.accept(wrapped)) {
                    entries.add(wrapped);
                }
            }
        }
        return new DirectoryStream<>() {
            @Override
            public Iterator<Path> iterator() {
                return entries.iterator();
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
        change("mkdir");
        Path real = real(path);
        Files.createDirectory(real, attributes);
        node(real.getParent()).names.put(name(real), new Node(true));
    }

    @Override
    public void delete(Path path) throws IOException {
        Path real = real(path);
        alive();
        if (Files.exists(real)) {
            change("delete");
        }
        Files.delete(real);
        node(real.getParent()).names.remove(name(real));
    }

    @Override
    public void move(Path source, Path target, CopyOption... options) throws IOException {
        change("move");
        Path from = real(source);
        Path to = real(target);
        Files.move(from, to, options);
        Node moved = node(from.getParent()).names.remove(name(from));
        node(to.getParent()).names.put(name(to), moved);
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
            throws IOException {
        alive();
        return Files.readAttributes(real(path), type, options);
    }

    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
        alive();
        base.getFileSystem().provider().checkAccess(real(path), modes);
    }

    @Override
    public FileStore getFileStore(Path path) throws IOException {
        return Files.getFileStore(real(path));
    }

    @Override
    public String getScheme() {
        return "faulty";
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> env) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
        return fileSystem;
    }

    @Override
    public Path getPath(URI uri) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void copy(Path source, Path target, CopyOption... options) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean isSameFile(Path one, Path other) {
        return one.equals(other);
    }

    @Override
    public boolean isHidden(Path path) {
        return false;
    }

    @Override
    public <V extends FileAttributeView> V getFileAttributeView(Path path, Class<V> type, LinkOption... options) {
        return Files.getFileAttributeView(real(path), type, options);
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options) throws IOException {
        return new HashMap<>(Files.readAttributes(real(path), attributes, options));
    }

    @Override
    public void setAttribute(Path path, String attribute, Object value, LinkOption... options) {
        throw new UnsupportedOperationException();
    }

    private final class DiskChannel extends FileChannel {
        private final FileChannel real;
        private final Node node;
        private final Path path;

        DiskChannel(FileChannel real, Node node, Path path) {
            this.real = real;
            this.node = node;
            this.path = path;
        }

        @Override
        public int write(ByteBuffer from, long position) throws IOException {
            if (breaks()) {
                ByteBuffer half = from.duplicate();
                half.limit(half.position() + half.remaining() / 2);
                wrote(position, real.write(half, position));
                throw new IOException("this write was told to fail half way");
            }
            return wrote(position, real.write(from, position));
        }

        private int wrote(long position, int bytes) {
            node.lost.clear(Math.toIntExact(position), Math.toIntExact(position) + bytes);
            return bytes;
        }

        @Override
        public int write(ByteBuffer from) throws IOException {
            int written = write(from, real.position());
            real.position(real.position() + written);
            return written;
        }

        @Override
        public void force(boolean metadata) throws IOException {
            synchronized (FaultyDisk.this) {
                forceAlone();
            }
        }

        private void forceAlone() throws IOException {
            if (breaks()) {
                if (!node.directory) {
                    node.lost.set(Math.min(node.durable.length, all().length), all().length);
                }
                throw new IOException("this fsync was told to fail");
            }
            segmentsForced += isSegment(path) ? 1 : 0;
            if (node.directory) {
                node.durableNames = Map.copyOf(node.names);
            } else {
                node.durable = node.onDisk(all());
            }
        }

        private byte[] all() throws IOException {
            ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(real.size()));
            try (FileChannel again = FileChannel.open(path, StandardOpenOption.READ)) {
                while (all.hasRemaining() && again.read(all, all.position()) >= 0) {
                    // reads on
                }
            }
            return all.array();
        }

        @Override
        public FileChannel truncate(long size) throws IOException {
            change("truncate");
            real.truncate(size);
            node.lost.clear(Math.toIntExact(size), Integer.MAX_VALUE);
            return this;
        }

        @Override
        public int read(ByteBuffer into) throws IOException {
            alive();
            return real.read(into);
        }

        @Override
        public int read(ByteBuffer into, long position) throws IOException {
            alive();
            return real.read(into, position);
        }

        @Override
        public long read(ByteBuffer[] into, int offset, int length) throws IOException {
            alive();
            return real.read(into, offset, length);
        }

        @Override
        public long write(ByteBuffer[] from, int offset, int length) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long position() throws IOException {
            return real.position();
        }

        @Override
        public FileChannel position(long position) throws IOException {
            real.position(position);
            return this;
        }

        @Override
        public long size() throws IOException {
            alive();
            return real.size();
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long transferFrom(ReadableByteChannel source, long position, long count) {
            throw new UnsupportedOperationException();
        }

        @Override
        public MappedByteBuffer map(MapMode mode, long position, long size) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileLock lock(long position, long size, boolean shared) throws IOException {
            return real.lock(position, size, shared);
        }

        @Override
        public FileLock tryLock(long position, long size, boolean shared) throws IOException {
            return real.tryLock(position, size, shared);
        }

        @Override
        protected void implCloseChannel() throws IOException {
            real.close();
        }
    }

    private final class Disk extends FileSystem {
        @Override
        public FileSystemProvider provider() {
            return FaultyDisk.this;
        }

        @Override
        public void close() {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public String getSeparator() {
            return FileSystems.getDefault().getSeparator();
        }

        @Override
        public Iterable<Path> getRootDirectories() {
            return List.of(root());
        }

        @Override
        public Iterable<FileStore> getFileStores() {
            return List.of();
        }

        @Override
        public Set<String> supportedFileAttributeViews() {
            return base.getFileSystem().supportedFileAttributeViews();
        }

        @Override
        public Path getPath(String first, String... more) {
            return new DiskPath(base.getFileSystem().getPath(first, more));
        }

        @Override
        public PathMatcher getPathMatcher(String pattern) {
            PathMatcher matcher = base.getFileSystem().getPathMatcher(pattern);
            return path -> matcher.matches(real(path));
        }

        @Override
        public UserPrincipalLookupService getUserPrincipalLookupService() {
            throw new UnsupportedOperationException();
        }

        @Override
        public WatchService newWatchService() {
            throw new UnsupportedOperationException();
        }
    }

    private final class DiskPath implements Path {
        private final Path real;

        DiskPath(Path real) {
            this.real = real;
        }

        private DiskPath wrapped(Path path) {
            return path == null ? null : new DiskPath(path);
        }

        @Override
        public FileSystem getFileSystem() {
            return fileSystem;
        }

        @Override
        public boolean isAbsolute() {
            return real.isAbsolute();
        }

        @Override
        public Path getRoot() {
            return wrapped(real.getRoot());
        }

        @Override
        public Path getFileName() {
            return wrapped(real.getFileName());
        }

        @Override
        public Path getParent() {
            return wrapped(real.getParent());
        }

        @Override
        public int getNameCount() {
            return real.getNameCount();
        }

        @Override
        public Path getName(int index) {
            return wrapped(real.getName(index));
        }

        @Override
        public Path subpath(int begin, int end) {
            return wrapped(real.subpath(begin, end));
        }

        @Override
        public boolean startsWith(Path other) {
            return real.startsWith(real(other));
        }

        @Override
        public boolean endsWith(Path other) {
            return real.endsWith(real(other));
        }

        @Override
        public Path normalize() {
            return wrapped(real.normalize());
        }

        @Override
        public Path resolve(Path other) {
            return wrapped(real.resolve(real(other)));
        }

        @Override
        public Path relativize(Path other) {
            return wrapped(real.relativize(real(other)));
        }

        @Override
        public URI toUri() {
            return real.toUri();
        }

        @Override
        public Path toAbsolutePath() {
            return wrapped(real.toAbsolutePath());
        }

        @Override
        public Path toRealPath(LinkOption... options) throws IOException {
            return wrapped(real.toRealPath(options));
        }

        @Override
        public WatchKey register(WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int compareTo(Path other) {
            return real.compareTo(real(other));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof DiskPath that && real.equals(that.real);
        }

        @Override
        public int hashCode() {
            return real.hashCode();
        }

        @Override
        public String toString() {
            return real.toString();
        }
    }
}
