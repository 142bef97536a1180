package io.tidegate.demo;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * The process of an {@link EmbeddedBroker}: formats the storage, then runs Kafka's own main. Ends when its standard input
 * ends, and so with its parent, however that dies.
 */
final class BrokerMain {
    private BrokerMain() {}

    /** @param args the properties file and the cluster id */
    public static void main(String[] args) throws Exception {
        Thread watch = new Thread(BrokerMain::endWithParent, "parent-watch");
        watch.setDaemon(true);
        watch.start();
        ignoreInterrupts();
        String[] format = {"format", "--ignore-formatted", "-t", args[1], "-c", args[0]};
        Object status = call(
                "kafka.tools.StorageTool",
                "execute",
                new Class<?>[] {String[].class, PrintStream.class},
                format,
                System.out);
        if (!Integer.valueOf(0).equals(status)) {
            throw new IllegalStateException("formatting the storage ended with " + status);
        }
        call("kafka.Kafka", "main", new Class<?>[] {String[].class}, (Object) new String[] {args[0]});
    }

    /** By name, because the broker is on the class path but not something that this code is built on. */
    private static @Nullable Object call(String type, String method, Class<?>[] parameters, Object... arguments)
            throws ReflectiveOperationException {
        try {
            return Class.forName(type).getMethod(method, parameters).invoke(null, arguments);
        } catch (InvocationTargetException e) {
            throw new IllegalStateException("%s.%s failed".formatted(type, method), e.getCause());
        }
    }

    /**
     * Ctrl-C in a terminal goes to all processes there; the parent still needs the broker to end well, and stops it then.
     * By reflection, because the class is not part of Java's public interface.
     */
    private static void ignoreInterrupts() throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Class<?> handler = Class.forName("sun.misc.SignalHandler");
        Object nothing = Proxy.newProxyInstance(
                BrokerMain.class.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> null);
        signal.getMethod("handle", signal, handler)
                .invoke(null, signal.getConstructor(String.class).newInstance("INT"), nothing);
    }

    private static void endWithParent() {
        try {
            while (System.in.read() >= 0) {
                // nothing is ever sent
            }
        } catch (IOException e) {
            // the parent is gone
        }
        Runtime.getRuntime().halt(0);
    }
}
