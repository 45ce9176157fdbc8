# A real Kill Bill server for tests: sourced from the top of the repository, after lib.sh. One start serves all checks.
#
#   kill_bill_get     fetches the server, a Tomcat to run it in and the payment plugin with declines on demand into build/peers/killbill
#   kill_bill_start   an empty database (H2, inside the server), started on 127.0.0.1:$port; sets $base and $pid; log build/peers/killbill.log
#   kill_bill_stop    ends it by its process id
#   kb METHOD PATH curl-arguments...                              as the operator of the shop
#
# 0.22.26 is what Maven's central repository has of the server at present, without the file that names its parent; that one is
# only asked for version numbers and is stood in for here, in a repository folder of our own. It was made for Java 8 and 11; on Java 17
# its OSGi part needs the doors below opened.
kill_bill=build/peers/killbill
kill_bill_version=0.22.26
kill_bill_plugin=7.0.5
kill_bill_tomcat=9.0.89.0

kill_bill_fetch() { # GROUP:ARTIFACT:VERSION:TYPE FILE
    [ -s "$kill_bill/$2" ] && return 0
    mvn -q -B "-Dmaven.repo.local=$PWD/$kill_bill/repository" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
        "-Dartifact=$1" "-DoutputDirectory=$kill_bill" >"$kill_bill/fetch.log" 2>&1 && [ -s "$kill_bill/$2" ] && return 0
    skip "$2 cannot be fetched: $(grep -m1 ERROR "$kill_bill/fetch.log" | cut -c1-200)"
}

kill_bill_get() {
    if ! command -v java >/dev/null 2>&1 || ! command -v mvn >/dev/null 2>&1 || ! command -v unzip >/dev/null 2>&1; then
        [ "$(id -u)" = 0 ] || skip "Kill Bill needs openjdk-17-jre-headless, maven and unzip"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless maven unzip iproute2; } \
            >/dev/null 2>&1 || skip "openjdk-17-jre-headless, maven and unzip cannot be installed"
    fi
    parent=$kill_bill/repository/org/kill-bill/billing/killbill-profiles/$kill_bill_version
    mkdir -p "$parent"
    cat >"$parent/killbill-profiles-$kill_bill_version.pom" <<EOF
<project><modelVersion>4.0.0</modelVersion><groupId>org.kill-bill.billing</groupId><artifactId>killbill-profiles</artifactId>
<version>$kill_bill_version</version><packaging>pom</packaging></project>
EOF
    kill_bill_fetch "org.kill-bill.billing:killbill-profiles-killbill:$kill_bill_version:war" "killbill-profiles-killbill-$kill_bill_version.war"
    kill_bill_fetch "com.heroku:webapp-runner:$kill_bill_tomcat:jar" "webapp-runner-$kill_bill_tomcat.jar"
    kill_bill_fetch "org.kill-bill.billing.plugin.java:payment-test-plugin:$kill_bill_plugin:jar" "payment-test-plugin-$kill_bill_plugin.jar"
}

# The plugin's tables are not made by the server, and the server makes its own only in an empty database: so all are made here.
kill_bill_database() {
    war=$kill_bill/killbill-profiles-killbill-$kill_bill_version.war
    mkdir -p "$kill_bill/lib"
    unzip -qo -j "$war" "WEB-INF/lib/h2-*.jar" "WEB-INF/lib/killbill-*-$kill_bill_version.jar" -d "$kill_bill/lib"
    for m in account beatrix catalog entitlement invoice payment subscription tenant usage util; do
        unzip -p "$kill_bill/lib/killbill-$m-$kill_bill_version.jar" "org/killbill/billing/$m/ddl.sql"
    done >"$run/ddl.sql"
    unzip -p "$kill_bill/payment-test-plugin-$kill_bill_plugin.jar" ddl.sql >>"$run/ddl.sql"
    java -cp "$(echo "$kill_bill"/lib/h2-*.jar)" org.h2.tools.RunScript -url "jdbc:h2:file:$run/kb;MODE=MYSQL" -user killbill -password killbill \
        -script "$run/ddl.sql" || { echo "the database cannot be made"; exit 1; }
}

kill_bill_settings() {
    url="jdbc:h2:file:$run/kb;MODE=MYSQL;DB_CLOSE_DELAY=-1;DB_CLOSE_ON_EXIT=FALSE"
    cat >"$run/killbill.properties" <<EOF
org.killbill.dao.url=$url
org.killbill.dao.user=killbill
org.killbill.dao.password=killbill
org.killbill.billing.osgi.dao.url=$url
org.killbill.billing.osgi.dao.user=killbill
org.killbill.billing.osgi.dao.password=killbill
org.killbill.osgi.bundle.install.dir=$run/bundles
org.killbill.osgi.root.dir=$run/osgi
org.killbill.catalog.uri=SpyCarAdvanced.xml
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
        -Dorg.killbill.server.updateCheck.skip=true "-Dlogback.configurationFile=$run/logback.xml" \
        -jar "$kill_bill/webapp-runner-$kill_bill_tomcat.jar" --port "$port" -Aaddress=127.0.0.1 --temp-directory "$run/tomcat" \
        "$kill_bill/killbill-profiles-killbill-$kill_bill_version.war" >build/peers/killbill.log 2>&1 &
    pid=$!
    for _ in $(seq 1 120); do
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
