import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.killbill.billing.osgi.api.OSGIServiceDescriptor;
import org.killbill.billing.osgi.api.OSGIServiceRegistration;

/** What plugins offer of one kind, by name: the one registry that the modules leave to the web application. */
final class Plugins<T> implements OSGIServiceRegistration<T> {
    private final Map<String, T> known = new ConcurrentHashMap<>();
    private final Class<T> kind;

    Plugins(Class<T> kind) {
        this.kind = kind;
    }

    @Override
    public void registerService(OSGIServiceDescriptor who, T service) {
        known.put(who.getRegistrationName(), service);
    }

    @Override
    public void unregisterService(String name) {
        known.remove(name);
    }

    @Override
    public T getServiceForName(String name) {
        return known.get(name);
    }

    @Override
    public Set<String> getAllServices() {
        return known.keySet();
    }

    @Override
    public Class<T> getServiceType() {
        return kind;
    }
}
