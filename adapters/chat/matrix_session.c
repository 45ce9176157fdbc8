/* Signing in to a homeserver, and staying so.
 *
 * The device id is always the same: transaction ids of what we send count within it, so a message that was on its way when we
 * stopped is still recognised after the next log-in. Servers let nobody log in often, so a token is kept and asked whose it is
 * at each start ("whoami"); a stranger's token would make us talk to ourselves and is refused. A token that ends is renewed a
 * minute before; the new pair is stored before it is first used, because until then the old one would still have worked. When the
 * server refuses a token there are three ends: it is renewed, or the server expects us to log in again (soft), or somebody ended
 * the session, which is the operator's to know and to undo. Only the poll does all this; others wait for it.
 * Source: Matrix client-server API, "Client Authentication". */
#include "adapters/chat/matrix.h"

#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { TIMELINE_LIMIT = 50, RENEWALS_MOST = 2 };

/* A token of the configuration, which is not ours to renew. */
static bool is_given(const struct matrix_work *w)
{
    return w->c->token || w->c->as_token;
}

const char *matrix_token(const struct matrix_work *w)
{
    const char *configured = w->c->token ? w->c->token : w->c->as_token;
    return configured ? configured : json_str(matrix_kept(w), "token", NULL);
}

const char *matrix_me(const struct matrix_work *w)
{
    return json_str(matrix_kept(w), "user_id", matrix_is_person(w->c->user) ? w->c->user : "");
}

/* What is asked of each sync. State that comes late stands in the timeline, so its types are in both lists. */
char *matrix_filter(int limit)
{
#define STATE "\"m.room.member\",\"m.room.encryption\",\"m.room.tombstone\""
    return str_fmt("{\"presence\":{\"not_types\":[\"*\"]},\"account_data\":{\"types\":[\"m.direct\"]},\"room\":{\"ephemeral\":{\"not_types\":[\"*\"]},"
                   "\"account_data\":{\"not_types\":[\"*\"]},\"state\":{\"lazy_load_members\":true,\"types\":[" STATE "]},\"timeline\":{\"limit\":%d,\"types\":[" STATE
                   ",\"m.room.message\",\"m.reaction\",\"m.room.redaction\",\"m.room.encrypted\"]}}}",
                   limit ? limit : TIMELINE_LIMIT);
#undef STATE
}

static void ask_login(struct matrix_work *w)
{
    json_auto_t *body = json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:b}", "type", "m.login.password", "identifier", "type", "m.id.user", "user",
                                  w->c->user, "password", w->c->password, "device_id", w->c->device_id, "initial_device_display_name", "Dunwell",
                                  "refresh_token", 1);
    matrix_call(w, "login", "POST", matrix_path("v3/login"), NULL, body);
}

static void ask_refresh(struct matrix_work *w)
{
    json_auto_t *body = json_pack("{s:s}", "refresh_token", json_str(matrix_kept(w), "refresh", ""));
    matrix_call(w, "refresh", "POST", matrix_path("v3/refresh"), NULL, body);
}

static void ask_filter(struct matrix_work *w)
{
    AUTO_STR text = matrix_filter(0);
    json_auto_t *body = json_read(span_of(text), NULL);
    matrix_call(w, "filter", "POST", matrix_path("v3/user/%/filter", matrix_me(w)), matrix_token(w), body);
}

static void forget_token(struct matrix_work *w)
{
    json_t *kept = matrix_keep(w);
    json_object_del(kept, "token");
    json_object_del(kept, "refresh");
    json_object_del(kept, "expires_ms");
}

bool matrix_session_renew(struct matrix_work *w)
{
    int64_t expires_ms = json_i64(matrix_kept(w), "expires_ms", INT64_MAX);
    if (is_given(w) || !*json_str(matrix_kept(w), "refresh", "") || expires_ms - MS_MINUTE > w->job->now_ms)
        return false;
    ask_refresh(w);
    return true;
}

void matrix_session_open(struct matrix_work *w)
{
    const char *token = matrix_token(w);
    if (!token && !w->c->password)
        step_refused(w->out, "chat.matrix needs a password or a token");
    else if (!token)
        ask_login(w);
    else if (!matrix_session_renew(w))
        matrix_call(w, "whoami", "GET", matrix_path("v3/account/whoami"), token, NULL);
}

void matrix_session_lost(struct matrix_work *w, const struct matrix_answer *a)
{
    int64_t again = json_i64(w->stage, "again", 0) + 1;
    bool renewable = !is_given(w) && *json_str(matrix_kept(w), "refresh", "") && !str_eq(json_str(w->stage, "phase", ""), "refresh");
    bool soft = a->soft || json_flag(w->stage, "soft", false);
    json_put_i64(w->stage, "again", again);
    if (is_given(w)) {
        step_refused(w->out, "Matrix does not accept the configured token any more: make a new one and start Dunwell again");
    } else if (renewable) {
        json_put_new(w->stage, "soft", json_boolean(a->soft));
        ask_refresh(w);
    } else if (!soft || !w->c->password) {
        forget_token(w);
        step_refused(w->out, "somebody ended Dunwell's Matrix session (signed out elsewhere, or the password or the account was changed); it is "
                             "tried again with the configured password");
    } else if (again > RENEWALS_MOST) {
        forget_token(w);
        step_retry(w->out, w->job->now_ms + 5 * MS_MINUTE, "Matrix keeps ending Dunwell's session; the next log-in is tried after a pause");
    } else {
        forget_token(w);
        ask_login(w);
    }
}

/* Is this the account that was configured? Its full id, or the part before the server's name. */
static bool is_configured_user(const struct matrix_work *w, const char *user_id)
{
    const char *want = w->c->user;
    size_t local = strcspn(user_id, ":");
    if (matrix_is_person(want))
        return str_eq(want, user_id);
    return matrix_is_person(user_id) && strlen(want) == local - 1 && strncmp(want, user_id + 1, local - 1) == 0;
}

static bool store_user(struct matrix_work *w, const json_t *body)
{
    const char *user_id = json_str(body, "user_id", ""), *device = json_str(body, "device_id", "");
    if (!is_configured_user(w, user_id)) {
        step_refused(w->out, "Matrix says this is the account %.100s, but chat.matrix.user says %.100s: correct one of them",
                     matrix_is_person(user_id) ? user_id : "of nobody", w->c->user);
        return false;
    }
    if (!str_eq(json_str(matrix_kept(w), "user_id", NULL), user_id) || !str_eq(json_str(matrix_kept(w), "device_id", NULL), device)) {
        json_put(matrix_keep(w), "user_id", user_id);
        json_put(matrix_keep(w), "device_id", device);
    }
    return true;
}

static void store_tokens(struct matrix_work *w, const json_t *body)
{
    json_t *kept = matrix_keep(w);
    const char *refresh = json_str(body, "refresh_token", NULL);
    json_put(kept, "token", json_str(body, "access_token", ""));
    if (refresh)
        json_put(kept, "refresh", refresh);
    int64_t expires_in_ms = json_i64(body, "expires_in_ms", -1);
    if (expires_in_ms >= 0 && expires_in_ms < 400 * MS_DAY)
        json_put_i64(kept, "expires_ms", w->job->now_ms + expires_in_ms);
    else
        json_object_del(kept, "expires_ms");
}

/* The token is good. True when the filter is there as well. */
static bool filter_ready(struct matrix_work *w)
{
    AUTO_STR now = matrix_filter(0);
    if (str_eq(json_str(matrix_kept(w), "filter_of", NULL), now) && *json_str(matrix_kept(w), "filter", ""))
        return true;
    ask_filter(w);
    return false;
}

bool matrix_session_is_ours(struct matrix_work *w, const struct matrix_answer *a)
{
    bool login = str_eq(json_str(w->stage, "phase", ""), "login");
    if (login && a->said == MATRIX_NO && str_eq(a->code, "M_FORBIDDEN"))
        step_refused(w->out, "Matrix refuses the name or the password of %.100s: check chat.matrix.user and chat.matrix.password", w->c->user);
    else if (!matrix_settle(w, a))
        return false;
    else if (login && !*json_str(a->body, "access_token", ""))
        step_refused(w->out, "Matrix gave no token at log-in: check chat.matrix.homeserver");
    else
        return store_user(w, a->body);
    return false;
}

static bool on_login(struct matrix_work *w, const struct matrix_answer *a)
{
    if (!matrix_session_is_ours(w, a))
        return false;
    store_tokens(w, a->body);
    return filter_ready(w);
}

static bool on_refresh(struct matrix_work *w, const struct matrix_answer *a)
{
    if (a->said == MATRIX_SIGNED_OUT || a->said == MATRIX_NO) {
        matrix_session_lost(w, a);
        return false;
    }
    if (!matrix_settle(w, a))
        return false;
    store_tokens(w, a->body);
    return filter_ready(w);
}

static bool on_filter(struct matrix_work *w, const struct matrix_answer *a)
{
    if (a->said == MATRIX_SIGNED_OUT) {
        matrix_session_lost(w, a);
        return false;
    }
    if (!matrix_settle(w, a))
        return false;
    AUTO_STR now = matrix_filter(0);
    json_put(matrix_keep(w), "filter", json_str(a->body, "filter_id", ""));
    json_put(matrix_keep(w), "filter_of", now);
    return true;
}

bool matrix_session_phase(const char *phase)
{
    return str_eq(phase, "login") || str_eq(phase, "whoami") || str_eq(phase, "refresh") || str_eq(phase, "filter");
}

bool matrix_session_answer(struct matrix_work *w, const struct matrix_answer *a)
{
    const char *phase = json_str(w->stage, "phase", "");
    if (str_eq(phase, "login"))
        return on_login(w, a);
    if (str_eq(phase, "refresh"))
        return on_refresh(w, a);
    if (str_eq(phase, "filter"))
        return on_filter(w, a);
    if (a->said == MATRIX_SIGNED_OUT) {
        matrix_session_lost(w, a);
        return false;
    }
    return matrix_session_is_ours(w, a) && filter_ready(w);
}
