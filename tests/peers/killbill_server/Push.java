import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.inject.Inject;
import javax.inject.Named;
import org.killbill.billing.jaxrs.json.NotificationJson;
import org.killbill.billing.lifecycle.glue.BusModule;
import org.killbill.billing.notification.plugin.api.ExtBusEvent;
import org.killbill.billing.platform.api.LifecycleHandlerType;
import org.killbill.billing.platform.api.LifecycleHandlerType.LifecycleLevel;
import org.killbill.billing.server.ServerService;
import org.killbill.billing.tenant.api.TenantApiException;
import org.killbill.billing.tenant.api.TenantKV.TenantKey;
import org.killbill.billing.tenant.api.TenantUserApi;
import org.killbill.billing.util.callcontext.CallContextFactory;
import org.killbill.billing.util.config.definition.NotificationConfig;
import org.killbill.bus.api.PersistentBus;
import org.killbill.commons.eventbus.AllowConcurrentEvents;
import org.killbill.commons.eventbus.Subscribe;
import org.skife.config.TimeSpan;

/** Kill Bill's events, in its own words, to the addresses that a tenant registered; sent with the client that 0.24 uses, and again when refused. */
public final class Push implements ServerService {
    private final ObjectMapper mapper;
    private final TenantUserApi tenants;
    private final CallContextFactory contexts;
    private final List<TimeSpan> again;
    private final PersistentBus bus;
    private final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(15)).build();
    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "push");
        thread.setDaemon(true);
        return thread;
    });

    @Inject
    Push(ObjectMapper mapper, TenantUserApi tenants, CallContextFactory contexts, NotificationConfig config,
         @Named(BusModule.EXTERNAL_BUS_NAMED) PersistentBus bus) {
        this.mapper = mapper;
        this.tenants = tenants;
        this.contexts = contexts;
        this.again = config.getPushNotificationsRetries();
        this.bus = bus;
    }

    @Override
    public String getName() {
        return KILLBILL_SERVICES.SERVER_SERVICE.getServiceName();
    }

    @Override
    public int getRegistrationOrdering() {
        return KILLBILL_SERVICES.SERVER_SERVICE.getRegistrationOrdering();
    }

    @LifecycleHandlerType(LifecycleLevel.INIT_SERVICE)
    public void listen() throws PersistentBus.EventBusException {
        bus.register(this);
    }

    @AllowConcurrentEvents
    @Subscribe
    public void happened(ExtBusEvent event) throws TenantApiException, IOException {
        String body = mapper.writeValueAsString(new NotificationJson(event));
        for (String address : tenants.getTenantValuesForKey(TenantKey.PUSH_NOTIFICATION_CB.toString(),
                                                            contexts.createTenantContext(event.getAccountId(), event.getTenantId()))) {
            send(URI.create(address), body, 0);
        }
    }

    private void send(URI address, String body, int tried) {
        HttpRequest request = HttpRequest.newBuilder(address).timeout(Duration.ofSeconds(15)).header("User-Agent", "KillBill/1.0")
            .header("Content-Type", "application/json; charset=UTF-8").POST(HttpRequest.BodyPublishers.ofString(body)).build();
        if (!isTaken(request) && tried < again.size()) {
            later.schedule(() -> send(address, body, tried + 1), again.get(tried).getMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private boolean isTaken(HttpRequest request) {
        try {
            return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() / 100 == 2;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
