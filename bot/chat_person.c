/* Who is it that speaks? The id that people.yaml names, and nothing else, unless the file has `match_by_email: true`. Then somebody
 * whose id nobody has written down is looked up at the platform, as an effect like others, and their confirmed address is kept for
 * a day. Whose address that is says the file of the moment: one that two people share is nobody's, and whoever has an id there
 * is known by that alone. So the switch grants what the file grants, for as long as both say so. */
#include "bot/chat_person.h"

#include <string.h>

#include "engine/effect.h"
#include "engine/journal.h"
#include "engine/when.h"

enum { ASK_MS = 60000 };
#define KEPT_MS MS_DAY
#define REFRESH_MS (MS_DAY / 2)
#define NOBODY_MS (10 * MS_MINUTE) /* who was nobody may have become somebody */

static bool can_look_up(const struct engine *e, const struct chat_input *in)
{
    const struct chat_site *site = engine_chat(e, in->platform);
    return site && (site->traits & TRAIT_EMAILS) && people_match_by_email(e->people);
}

/* The address that was kept, "" for none; and how old that is, -1 when nothing is known. */
static char *address_of(struct engine *e, const struct chat_input *in, int64_t *age_ms)
{
    char *email = NULL;
    *age_ms = -1;
    struct query *q = store_query(e->store, "SELECT email, at_ms FROM chat_emails WHERE platform = ?1 AND user = ?2", "tt", in->platform, in->user);
    if (query_next(q)) {
        email = str_dup(query_text(q, 0));
        *age_ms = e->now_ms - query_i64(q, 1);
        query_end(q);
    }
    return email ? email : str_dup("");
}

static bool is_old(const char *email, int64_t age_ms)
{
    return age_ms < 0 || age_ms > (email[0] ? REFRESH_MS : NOBODY_MS);
}

static void ask(struct engine *e, const struct chat_input *in)
{
    json_t *args = json_object();
    json_put(args, "user", in->user);
    AUTO_STR lane = str_fmt("whois:%s:%s", in->platform, in->user);
    AUTO_STR key = str_fmt("whois-%s-%s-%lld", in->platform, in->user, (long long)(e->now_ms / NOBODY_MS));
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = in->platform, .op = "whois", .key = key, .take_args = args, .purpose = "whois",
                                        .deadline_ms = e->now_ms + ASK_MS});
}

const struct person *chat_person(struct engine *e, const struct chat_input *in)
{
    int64_t age_ms;
    const struct person *who = in->user ? people_by_chat(e->people, in->platform, in->user) : NULL;
    if (who || !in->user)
        return who;
    AUTO_STR email = address_of(e, in, &age_ms);
    return age_ms >= 0 && age_ms <= KEPT_MS ? people_by_email(e->people, in->platform, email) : NULL;
}

bool chat_person_sought(struct engine *e, const struct chat_input *in)
{
    int64_t age_ms;
    if (!in->user || people_by_chat(e->people, in->platform, in->user) || !can_look_up(e, in))
        return false;
    AUTO_STR email = address_of(e, in, &age_ms);
    if (!is_old(email, age_ms))
        return false;
    ask(e, in);
    return true;
}

void chat_person_found(struct engine *e, const struct chat_end *end)
{
    const char *user = json_str(end->args, "user", ""), *email = json_str(end->result, "email", "");
    store_run(e->store,
              "INSERT INTO chat_emails (platform, user, email, at_ms) VALUES (?1,?2,?3,?4) "
              "ON CONFLICT (platform, user) DO UPDATE SET email = excluded.email, at_ms = excluded.at_ms",
              "ttti", end->platform, user, email, e->now_ms);
    const struct person *who = people_by_chat(e->people, end->platform, user) ? NULL : people_by_email(e->people, end->platform, email);
    if (!who)
        return;
    const struct actor actor = {.person = who, .platform = end->platform};
    json_auto_t *detail = json_pack("{s:s, s:s}", "platform", end->platform, "user", user);
    journal_add(e, &actor, "person.matched", 0, "", "", detail, "%s on %s is %s: the confirmed e-mail address says so, and people.yaml lets it", user, end->platform, who->name);
}
