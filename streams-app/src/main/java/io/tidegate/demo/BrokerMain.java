package io.tidegate.demo;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * The process of an {@link EmbeddedBroker}: formats the storage, then runs Kafka's own main. Ends when its standard input ends,
 * and thus with its parent, however that ends.
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

    /** Uses reflection, because the broker is on the class path but not a compile-time dependency. */
    private static @Nullable Object call(String type, String method, Class<?>[] parameters, Object... arguments)
            throws ReflectiveOperationException {
        try {
            return Class.forName(type).getMethod(method, parameters).invoke(null, arguments);
        } catch (InvocationTargetException e) {
            throw new IllegalStateException("%s.%s failed".formatted(type, method), e.getCause());
        }
    }

    /**
     * Ignores Ctrl-C. A terminal sends it to all its processes, but the parent needs the broker for a clean stop, and stops it
     * then. Uses reflection, because the class is not part of Java's public API.
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
                // the parent never sends anything
            }
        } catch (IOException e) {
            // the parent has ended
        }
        Runtime.getRuntime().halt(0);
    }
}
