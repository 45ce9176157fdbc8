import com.google.inject.TypeLiteral;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.util.Providers;
import javax.servlet.ServletContext;
import org.killbill.billing.account.glue.DefaultAccountModule;
import org.killbill.billing.beatrix.glue.BeatrixModule;
import org.killbill.billing.catalog.glue.CatalogModule;
import org.killbill.billing.currency.glue.CurrencyModule;
import org.killbill.billing.entitlement.glue.DefaultEntitlementModule;
import org.killbill.billing.invoice.glue.DefaultInvoiceModule;
import org.killbill.billing.jaxrs.glue.DefaultJaxrsModule;
import org.killbill.billing.jaxrs.resources.TestResource;
import org.killbill.billing.jaxrs.util.KillbillEventHandler;
import org.killbill.billing.junction.glue.DefaultJunctionModule;
import org.killbill.billing.osgi.api.Healthcheck;
import org.killbill.billing.osgi.api.OSGIServiceRegistration;
import org.killbill.billing.osgi.api.ServiceDiscoveryRegistry;
import org.killbill.billing.overdue.glue.DefaultOverdueModule;
import org.killbill.billing.payment.glue.PaymentModule;
import org.killbill.billing.platform.api.KillbillConfigSource;
import org.killbill.billing.server.ServerService;
import org.killbill.billing.server.config.KillbillServerConfig;
import org.killbill.billing.server.modules.KillbillPlatformModule;
import org.killbill.billing.subscription.glue.DefaultSubscriptionModule;
import org.killbill.billing.tenant.glue.DefaultTenantModule;
import org.killbill.billing.usage.glue.UsageModule;
import org.killbill.billing.util.config.definition.JaxrsConfig;
import org.killbill.billing.util.config.definition.NotificationConfig;
import org.killbill.billing.util.email.templates.TemplateModule;
import org.killbill.billing.util.glue.*;
import org.killbill.billing.util.optimizer.*;
import org.skife.config.AugmentedConfigurationObjectFactory;
import org.skife.jdbi.v2.ResultSetMapperFactory;
import org.skife.jdbi.v2.tweak.ArgumentFactory;
import org.skife.jdbi.v2.tweak.ResultSetMapper;
import org.skife.jdbi.v2.tweak.SQLLog;
import org.skife.jdbi.v2.tweak.StatementBuilderFactory;
import org.skife.jdbi.v2.tweak.StatementRewriter;

/** Kill Bill's own modules, all of them, with a clock that can be moved. */
final class Modules extends KillbillPlatformModule {
    Modules(ServletContext context, KillbillServerConfig config, KillbillConfigSource source) {
        super(context, config, source);
    }

    @Override
    protected void configure() {
        super.configure();
        AugmentedConfigurationObjectFactory settings = new AugmentedConfigurationObjectFactory(skifeConfigSource);
        install(new AuditModule(configSource));
        install(new NodesModule(configSource));
        install(new BroadcastModule(configSource));
        install(new BeatrixModule(configSource));
        install(new CacheModule(configSource));
        install(new ConfigModule(configSource));
        install(new EventModule(configSource));
        install(new CallContextModule(configSource));
        install(new CatalogModule(configSource));
        install(new CurrencyModule(configSource));
        install(new CustomFieldModule(configSource));
        install(new DefaultAccountModule(configSource));
        install(new DefaultEntitlementModule(configSource));
        install(new DefaultInvoiceModule(configSource));
        install(new DefaultJunctionModule(configSource));
        install(new DefaultOverdueModule(configSource));
        install(new DefaultSubscriptionModule(configSource));
        install(new ExportModule(configSource));
        install(new GlobalLockerModule(configSource));
        install(new KillBillShiroModule(configSource));
        install(new KillBillShiroAopModule(configSource));
        install(new KillbillApiAopModule(settings.build(JaxrsConfig.class)));
        install(new NonEntityDaoModule(configSource));
        install(new PaymentModule(configSource));
        install(new RecordIdModule(configSource));
        install(new SecurityModule(configSource));
        install(new TagStoreModule(configSource));
        install(new TemplateModule(configSource));
        install(new DefaultTenantModule(configSource));
        install(new UsageModule(configSource));
        install(new DefaultJaxrsModule(configSource));
        Multibinder.newSetBinder(binder(), ServiceDiscoveryRegistry.class);
        bind(new TypeLiteral<OSGIServiceRegistration<Healthcheck>>() { }).toInstance(new Plugins<>(Healthcheck.class));
        bind(KillbillEventHandler.class).asEagerSingleton();
        bind(TestResource.class).asEagerSingleton();
        bind(NotificationConfig.class).toInstance(settings.build(NotificationConfig.class));
        bind(ServerService.class).to(Push.class).asEagerSingleton();
    }

    @Override
    protected void configureBuses() {
        super.configureBuses();
        bind(BusOptimizer.class).to(BusOptimizerOn.class).asEagerSingleton();
        bind(BusDispatcherOptimizer.class).to(BusDispatcherOptimizerOn.class).asEagerSingleton();
    }

    @Override
    protected void configureDao() {
        super.configureDao();
        Multibinder<ResultSetMapperFactory> factories = Multibinder.newSetBinder(binder(), ResultSetMapperFactory.class);
        IDBISetup.mapperFactoriesToRegister().forEach(f -> factories.addBinding().toInstance(f));
        Multibinder<ResultSetMapper> mappers = Multibinder.newSetBinder(binder(), ResultSetMapper.class);
        IDBISetup.mappersToRegister().forEach(m -> mappers.addBinding().toInstance(m));
        Multibinder.newSetBinder(binder(), ArgumentFactory.class);
        bind(SQLLog.class).toProvider(Providers.of(null));
        bind(StatementBuilderFactory.class).toProvider(Providers.of(null));
        bind(StatementRewriter.class).toProvider(Providers.of(null));
    }
}
