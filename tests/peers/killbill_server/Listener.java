import com.fasterxml.jackson.jaxrs.json.JacksonJsonProvider;
import com.google.inject.Module;
import com.google.inject.servlet.ServletModule;
import javax.servlet.ServletContext;
import org.killbill.billing.jaxrs.resources.JaxrsResource;
import org.killbill.billing.jaxrs.util.KillbillEventHandler;
import org.killbill.billing.server.listeners.KillbillPlatformGuiceListener;
import org.killbill.bus.api.PersistentBus;
import org.killbill.commons.skeleton.modules.BaseServerModuleBuilder;

/**
 * What web.xml names: starts Kill Bill's modules with its platform and serves its resources. What its own web application has besides
 * (pages, compression, profiling, answers to browsers of other origins) is left out.
 */
public final class Listener extends KillbillPlatformGuiceListener {
    @Override
    protected ServletModule getServletModule() {
        return new BaseServerModuleBuilder()
            .setJaxrsUriPattern("(" + JaxrsResource.PREFIX + "|" + JaxrsResource.PLUGINS_PATH + ")/.*")
            .addJerseyResourcePackage("org.killbill.billing.jaxrs.mappers")
            .addJerseyResourcePackage("org.killbill.billing.jaxrs.resources")
            .addJerseyResourceClass(JacksonJsonProvider.class.getName())
            .addFilter("/*", Door.class)
            .build();
    }

    @Override
    protected Module getModule(ServletContext context) {
        return new Modules(context, config, configSource);
    }

    @Override
    protected void startLifecycleStage2() {
        try {
            killbillBusService.getBus().register(injector.getInstance(KillbillEventHandler.class));
        } catch (PersistentBus.EventBusException e) {
            throw new IllegalStateException(e);
        }
    }
}
