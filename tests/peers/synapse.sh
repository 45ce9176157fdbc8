# A real Matrix server (Synapse) for tests: sourced from the top of the repository, after lib.sh.
#
#   synapse_get                      fetches it into build/synapse/venv (from PyPI, 240 MB, some two minutes); skips where that cannot be
#   synapse_start PROFILE [VERSION]  an empty server on 127.0.0.1:$port in build/synapse/run, a copy of one that was made once (keys, tables; build/
#                                    synapse/template); PROFILE is `limits`, the server's own rate
#                                    limits, or `default`, none; VERSION is the version of new rooms (11, 12). Sets $base and $pid
#   synapse_restart                  ends it and starts it again with the same data; synapse_stop ends it by its process id
#   synapse_user NAME                makes @NAME:dunwell.test with the password pw-NAME;
#                                    matrix_token NAME [DEVICE] signs in and prints the access token
#   mx TOKEN METHOD PATH [CURL...]   a call as somebody; PATH begins after /_matrix/client/
#
# Another server beside this one: set $synapse_run to another folder first.
synapse=build/synapse
synapse_version=1.163.2
synapse_run=$PWD/$synapse/run

synapse_install() {
    [ "$(cat "$synapse/venv/.complete" 2>/dev/null)" = "$synapse_version" ] && return 0
    rm -rf "$synapse/venv"
    { ${PYTHON3:-python3} -m venv "$synapse/venv" && "$synapse/venv/bin/pip" install -q --disable-pip-version-check "matrix-synapse==$synapse_version"; } \
        >"$synapse/install.log" 2>&1 || skip "Synapse cannot be installed: $(tail -n 1 "$synapse/install.log" | cut -c1-200)"
    printf %s "$synapse_version" >"$synapse/venv/.complete"
}

# Two may come at once.
synapse_get() {
    mkdir -p "$synapse"
    (flock 8 && synapse_install) 8>"$synapse/lock" || exit $?
}

# Several configuration files are merged by their top keys only; later ones win.
synapse_settings() { # PROFILE VERSION
    cat >"$synapse_run/test.yaml" <<EOT
listeners: [{port: $port, tls: false, type: http, bind_addresses: ['127.0.0.1'], resources: [{names: [client], compress: false}]}]
public_baseurl: $base/
default_room_version: "$2"
trusted_key_servers: []
federation_domain_whitelist: []
bcrypt_rounds: 4
presence: {enabled: false}
url_preview_enabled: false
enable_metrics: false
caches: {sync_response_cache_duration: 0}
EOT
    [ "$1" = limits ] || cat >>"$synapse_run/test.yaml" <<EOT
rc_message: &u {per_second: 9999, burst_count: 9999}
rc_registration: *u
rc_login: {address: *u, account: *u, failed_attempts: *u}
rc_joins: {local: *u, remote: *u}
rc_joins_per_room: *u
rc_invites: {per_room: *u, per_user: *u, per_issuer: *u}
rc_admin_redaction: *u
rc_room_creation: *u
rc_user_directory: *u
EOT
    [ -z "${synapse_more:-}" ] || printf '%s\n' "$synapse_more" >>"$synapse_run/test.yaml"
}

synapse_launch() {
    (cd "$synapse_run" && exec "$OLDPWD/$synapse/venv/bin/python" -m synapse.app.homeserver -c homeserver.yaml -c test.yaml) >>"$synapse_run/out.log" 2>&1 &
    pid=$!
    wait_for "$base/_matrix/client/versions" $pid && return 0
    echo "Synapse does not start"
    tail -n 20 "$synapse_run/out.log"
    synapse_stop
    exit 1
}

# Its keys, its configuration and its empty tables take longer to make than to copy. Paths stand in them as they were there.
synapse_template() {
    [ "$(cat "$synapse/template/.complete" 2>/dev/null)" = "$synapse_version" ] && return 0
    template=$PWD/$synapse/template
    rm -rf "$template"
    mkdir -p "$template"
    (cd "$template" && "$OLDPWD/$synapse/venv/bin/python" -m synapse.app.homeserver --generate-config -H dunwell.test -c homeserver.yaml \
        --report-stats=no >out.log 2>&1) || { echo "Synapse makes no configuration"; cat "$template/out.log"; exit 1; }
    (
        synapse_run=$template
        synapse_settings default 11
        synapse_launch
        synapse_stop
    ) || exit 1
    printf %s "$synapse_version" >"$template/.complete"
}

synapse_start() {
    port=$(free_port 31)
    base=http://127.0.0.1:$port
    (flock 8 && synapse_template) 8>"$synapse/lock" || exit 1
    rm -rf "$synapse_run"
    cp -r "$synapse/template" "$synapse_run"
    sed -i "s|$PWD/$synapse/template|$synapse_run|g" "$synapse_run"/*.yaml "$synapse_run"/*.config
    synapse_settings "$1" "${2:-11}"
    synapse_launch
}

synapse_stop() {
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 0
}

synapse_restart() {
    synapse_stop
    synapse_launch
}

synapse_user() {
    "$synapse/venv/bin/register_new_matrix_user" -u "$1" -p "pw-$1" --no-admin --exists-ok -c "$synapse_run/homeserver.yaml" "$base" >>"$synapse_run/out.log" 2>&1 ||
        { echo "Synapse makes no user $1"; tail -n 5 "$synapse_run/out.log"; exit 1; }
}

matrix_token() {
    curl -s -X POST "$base/_matrix/client/v3/login" -d "{\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":\"$1\"},
        \"password\":\"pw-$1\",\"device_id\":\"${2:-TEST}\"}" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}

mx() {
    mx_token=$1 mx_method=$2 mx_path=$3
    shift 3
    curl -s -X "$mx_method" -H "Authorization: Bearer $mx_token" "$base/_matrix/client/$mx_path" "$@"
}
