# A real Kill Bill server for tests: sourced from the top of the repository, after lib.sh. One start serves all checks.
#
#   kill_bill_get     fetches the server's modules, a Tomcat to run them in and the payment plugin with declines on demand into build/peers/killbill
#   kill_bill_start   an empty database (H2, inside the server), started on 127.0.0.1:$port; sets $base and $pid; log build/peers/killbill.log
#   kill_bill_stop    ends it by its process id
#   kb METHOD PATH curl-arguments...                              as the operator of the shop
#
# Maven's central repository has every module of 0.24.19 (of 0.24.21 only one), but of the web application around them nothing after 0.22;
# so what a web application adds is ours, and no more than that: killbill_server/. The modules' parent is not there either. It names versions,
# and is stood in for, in a repository folder of our own, by the last published one of its kind. What the modules were built with they tell
# at /1.0/kb/nodesInfo: it is the same, but for the platform (0.41.23; the last published is 0.41.21). The payment plugin is one made
# for 0.22, as no later one is published. All of it is made for Java 11; on Java 17 its OSGi part needs the doors below opened.
kill_bill=build/peers/killbill
kill_bill_version=0.24.19
kill_bill_parent=0.146.78
kill_bill_plugin=7.0.5
kill_bill_tomcat=9.0.89.0

kill_bill_maven() { # GOAL...: again when the network fails
    for pause in 2 10 30 0; do
        mvn -B -U "-Dmaven.repo.local=$PWD/$kill_bill/repository" -Dmaven.wagon.http.retryHandler.count=3 "$@" >"$kill_bill/fetch.log" 2>&1 && return 0
        sleep $pause
    done
    skip "Kill Bill cannot be fetched: $(grep -m1 ERROR "$kill_bill/fetch.log" | cut -c1-300)"
}

kill_bill_fetch() { # GROUP:ARTIFACT:VERSION:jar FILE
    [ -s "$kill_bill/$2" ] || kill_bill_maven org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy "-Dartifact=$1" "-DoutputDirectory=$kill_bill"
}

# The modules and what they need, in $server/WEB-INF/lib: all of it or nothing. The servlet interfaces are Tomcat's.
kill_bill_modules() {
    server=$kill_bill/server-$kill_bill_version
    [ -d "$server" ] && return 0
    group="<groupId>org.kill-bill.billing</groupId>"
    parent=$kill_bill/repository/org/kill-bill/billing/killbill/$kill_bill_version
    mkdir -p "$parent"
    cat >"$parent/killbill-$kill_bill_version.pom" <<EOF
<project><modelVersion>4.0.0</modelVersion>
<parent>$group<artifactId>killbill-oss-parent</artifactId><version>$kill_bill_parent</version></parent>
<artifactId>killbill</artifactId><version>$kill_bill_version</version><packaging>pom</packaging>
<properties><killbill.version>$kill_bill_version</killbill.version></properties></project>
EOF
    {
        echo "<project><modelVersion>4.0.0</modelVersion><artifactId>server</artifactId><packaging>pom</packaging>"
        echo "<parent>$group<artifactId>killbill</artifactId><version>$kill_bill_version</version><relativePath/></parent><dependencies>"
        for m in account beatrix catalog currency entitlement internal-api invoice jaxrs junction overdue payment subscription tenant usage util \
            platform-base platform-lifecycle platform-osgi platform-osgi-api platform-osgi-bundles-lib-killbill; do
            echo "<dependency>$group<artifactId>killbill-$m</artifactId></dependency>"
        done
        echo "<dependency>$group<artifactId>killbill-platform-server</artifactId><classifier>classes</classifier></dependency></dependencies></project>"
    } >"$kill_bill/pom.xml"
    rm -rf "$kill_bill/half"
    kill_bill_maven -f "$kill_bill/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime \
        -DexcludeArtifactIds=jakarta.servlet-api "-DoutputDirectory=$PWD/$kill_bill/half/WEB-INF/lib"
    mv "$kill_bill/half" "$server"
}

kill_bill_get() {
    if ! command -v javac >/dev/null 2>&1 || ! command -v mvn >/dev/null 2>&1 || ! command -v unzip >/dev/null 2>&1; then
        [ "$(id -u)" = 0 ] || skip "Kill Bill needs openjdk-17-jdk-headless, maven and unzip"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends \
            openjdk-17-jdk-headless maven unzip iproute2; } >/dev/null 2>&1 || skip "openjdk-17-jdk-headless, maven and unzip cannot be installed"
    fi
    mkdir -p "$kill_bill"
    kill_bill_modules
    kill_bill_fetch "com.heroku:webapp-runner:$kill_bill_tomcat:jar" "webapp-runner-$kill_bill_tomcat.jar"
    kill_bill_fetch "org.kill-bill.billing.plugin.java:payment-test-plugin:$kill_bill_plugin:jar" "payment-test-plugin-$kill_bill_plugin.jar"
}

# What a web application adds to the modules: killbill_server/, who may come in, and what Tomcat calls first.
kill_bill_application() {
    classes=$server/WEB-INF/classes
    rm -rf "$classes"
    mkdir -p "$classes"
    javac -nowarn -d "$classes" -cp "$server/WEB-INF/lib/*:$kill_bill/webapp-runner-$kill_bill_tomcat.jar" tests/peers/killbill_server/*.java \
        >"$run/javac.log" 2>&1 || { cat "$run/javac.log"; exit 1; }
    printf '[users]\nadmin = password, root\n[roles]\nroot = *:*\n' >"$classes/shiro.ini"
    cat >"$server/WEB-INF/web.xml" <<EOF
<web-app xmlns="http://java.sun.com/xml/ns/javaee" version="3.0" metadata-complete="true"><absolute-ordering/>
<filter><filter-name>guice</filter-name><filter-class>org.killbill.billing.server.filters.KillbillGuiceFilter</filter-class>
<async-supported>true</async-supported></filter>
<filter-mapping><filter-name>guice</filter-name><url-pattern>/*</url-pattern></filter-mapping>
<listener><listener-class>org.killbill.commons.skeleton.listeners.JULServletContextListener</listener-class></listener>
<listener><listener-class>Listener</listener-class></listener>
</web-app>
EOF
}

# The plugin's tables are not made by the server, and the server makes its own only in an empty database: so all are made here.
kill_bill_database() {
    for m in account beatrix catalog entitlement invoice payment subscription tenant usage util; do
        unzip -p "$server/WEB-INF/lib/killbill-$m-$kill_bill_version.jar" "org/killbill/billing/$m/ddl.sql"
    done >"$run/ddl.sql"
    unzip -p "$kill_bill/payment-test-plugin-$kill_bill_plugin.jar" ddl.sql >>"$run/ddl.sql"
    java -cp "$(echo "$server"/WEB-INF/lib/h2-*.jar)" org.h2.tools.RunScript -url "jdbc:h2:file:$run/kb;MODE=LEGACY" -user killbill -password killbill \
        -script "$run/ddl.sql" || { echo "the database cannot be made"; exit 1; }
}

kill_bill_settings() {
    url="jdbc:h2:file:$run/kb;MODE=LEGACY;DB_CLOSE_DELAY=-1;DB_CLOSE_ON_EXIT=FALSE"
    cat >"$run/killbill.properties" <<EOF
org.killbill.dao.url=$url
org.killbill.dao.user=killbill
org.killbill.dao.password=killbill
org.killbill.billing.osgi.dao.url=$url
org.killbill.billing.osgi.dao.user=killbill
org.killbill.billing.osgi.dao.password=killbill
org.killbill.osgi.bundle.install.dir=$run/bundles
org.killbill.osgi.root.dir=$run/osgi
org.killbill.osgi.system.bundle.export.packages.extra=javax.servlet;version=3.1,javax.servlet.http;version=3.1
org.killbill.catalog.uri=
org.killbill.notificationq.main.sleep=100
org.killbill.notificationq.main.claimed=1
org.killbill.notificationq.main.queue.mode=STICKY_POLLING
org.killbill.notificationq.main.notification.nbThreads=1
org.killbill.persistent.bus.external.queue.mode=STICKY_EVENTS
org.killbill.persistent.bus.external.inMemory=true
org.killbill.persistent.bus.main.queue.mode=STICKY_EVENTS
org.killbill.persistent.bus.main.claimed=1
org.killbill.persistent.bus.main.nbThreads=1
org.killbill.persistent.bus.main.sleep=0
org.killbill.persistent.bus.main.queue.capacity=1000
org.killbill.server.multitenant=true
org.killbill.server.test.mode=true
org.killbill.security.shiroNbHashIterations=1000
org.killbill.server.updateCheck.skip=true
org.killbill.payment.plugin.timeout=5s
org.killbill.payment.retry.days=8,8,8
org.killbill.billing.server.notifications.retries=1s,2s
EOF
    # Loggers named jdbc wrap every connection in a proxy that the plugin cannot use.
    cat >"$run/logback.xml" <<EOF
<configuration><appender name="S" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%date %level %logger{20} %msg%n%ex{8}</pattern></encoder>
</appender><root level="WARN"><appender-ref ref="S"/></root><logger name="org.killbill.commons.jdbi.guice" level="OFF"/><logger name="jdbc" level="OFF"/>
</configuration>
EOF
}

kill_bill_start() {
    run=$PWD/$kill_bill/run
    rm -rf "$run"
    plugin=$run/bundles/plugins/java/killbill-payment-test/$kill_bill_plugin
    mkdir -p "$plugin"
    cp "$kill_bill/payment-test-plugin-$kill_bill_plugin.jar" "$plugin/"
    kill_bill_application
    kill_bill_database
    kill_bill_settings
    opens=""
    for p in java.lang java.util java.io java.net java.security sun.nio.ch sun.net.www.protocol.file sun.net.www.protocol.ftp sun.net.www.protocol.http \
        sun.net.www.protocol.https sun.net.www.protocol.jar sun.net.www.content.text; do
        opens="$opens --add-opens java.base/$p=ALL-UNNAMED"
    done
    port=$(free_port 29)
    base=http://127.0.0.1:$port
    java -Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true -Djava.rmi.server.hostname=127.0.0.1 -Dh2.bindAddress=127.0.0.1 \
        -Duser.timezone=UTC -Djava.security.egd=file:/dev/./urandom $opens "-Dorg.killbill.server.properties=file://$run/killbill.properties" \
        "-Dlogback.configurationFile=$run/logback.xml" \
        -jar "$kill_bill/webapp-runner-$kill_bill_tomcat.jar" --port "$port" -Aaddress=127.0.0.1 --temp-directory "$run/tomcat" \
        "$server" >build/peers/killbill.log 2>&1 &
    pid=$!
    for _ in $(seq 1 300); do
        [ "$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' "$base/1.0/healthcheck")" = 200 ] && return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.5
    done
    echo "Kill Bill does not start"
    tail -n 20 build/peers/killbill.log
    kill_bill_stop
    exit 1
}

kill_bill_stop() {
    [ -n "${pid:-}" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    pid=""
}

kb() {
    method=$1 path=$2
    shift 2
    curl -s -S -X "$method" -u admin:password -H 'X-Killbill-ApiKey: bob' -H 'X-Killbill-ApiSecret: lazar' -H 'X-Killbill-CreatedBy: shop' \
        -H 'Content-Type: application/json' -H 'Accept: application/json' "$base$path" "$@"
}
