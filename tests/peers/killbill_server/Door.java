import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.UUID;
import javax.inject.Inject;
import javax.inject.Singleton;
import javax.servlet.Filter;
import javax.servlet.FilterChain;
import javax.servlet.FilterConfig;
import javax.servlet.ServletException;
import javax.servlet.ServletRequest;
import javax.servlet.ServletResponse;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import javax.sql.DataSource;
import org.apache.shiro.authc.AuthenticationException;
import org.apache.shiro.authc.AuthenticationToken;
import org.apache.shiro.authc.UsernamePasswordToken;
import org.apache.shiro.mgt.SecurityManager;
import org.apache.shiro.realm.jdbc.JdbcRealm;
import org.apache.shiro.subject.Subject;
import org.apache.shiro.util.ThreadContext;
import org.killbill.billing.jaxrs.resources.JaxrsResource;
import org.killbill.billing.tenant.api.TenantApiException;
import org.killbill.billing.tenant.api.TenantUserApi;
import org.killbill.billing.util.config.definition.SecurityConfig;
import org.killbill.billing.util.security.shiro.KillbillCredentialsMatcher;
import org.killbill.commons.request.Request;
import org.killbill.commons.request.RequestData;

/** Who asks, and for which tenant: the operator's name and password with Kill Bill's realms, the tenant's key and secret with its table. */
@Singleton
final class Door implements Filter {
    private final SecurityManager security;
    private final TenantUserApi tenants;
    private final JdbcRealm keys = new JdbcRealm();

    @Inject
    Door(SecurityManager security, TenantUserApi tenants, DataSource database, SecurityConfig config) {
        this.security = security;
        this.tenants = tenants;
        keys.setDataSource(database);
        keys.setAuthenticationQuery("select api_secret, api_salt from tenants where api_key = ?");
        keys.setSaltStyle(JdbcRealm.SaltStyle.COLUMN);
        keys.setCredentialsMatcher(KillbillCredentialsMatcher.getCredentialsMatcher(config));
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain) throws IOException, ServletException {
        HttpServletRequest asked = (HttpServletRequest) request;
        Subject subject = new Subject.Builder(security).sessionCreationEnabled(false).buildSubject();
        ThreadContext.bind(security);
        ThreadContext.bind(subject);
        Request.setPerThreadRequestData(new RequestData(UUID.randomUUID().toString()));
        try {
            if (asked.getRequestURI().startsWith(JaxrsResource.PREFIX)) {
                subject.login(operator(asked.getHeader("Authorization")));
            }
            if (!isOfAllTenants(asked)) {
                String key = asked.getHeader(JaxrsResource.HDR_API_KEY);
                keys.getAuthenticationInfo(new UsernamePasswordToken(key, asked.getHeader(JaxrsResource.HDR_API_SECRET)));
                asked.setAttribute("killbill_tenant", tenants.getTenantByApiKey(key));
            }
            chain.doFilter(request, response);
        } catch (AuthenticationException | TenantApiException e) {
            ((HttpServletResponse) response).sendError(HttpServletResponse.SC_UNAUTHORIZED);
        } finally {
            Request.resetPerThreadRequestData();
            ThreadContext.remove();
        }
    }

    private static boolean isOfAllTenants(HttpServletRequest asked) {
        return !asked.getRequestURI().startsWith(JaxrsResource.PREFIX) && asked.getHeader(JaxrsResource.HDR_API_KEY) == null
            || asked.getRequestURI().equals(JaxrsResource.TENANTS_PATH) && asked.getMethod().equals("POST");
    }

    private static AuthenticationToken operator(String header) {
        try {
            byte[] decoded = Base64.getDecoder().decode(header.substring("Basic ".length()));
            String[] words = new String(decoded, StandardCharsets.UTF_8).split(":", 2);
            return new UsernamePasswordToken(words[0], words[1]);
        } catch (RuntimeException e) {
            throw new AuthenticationException("a name and a password are needed", e);
        }
    }

    @Override
    public void init(FilterConfig config) {
    }

    @Override
    public void destroy() {
    }
}
