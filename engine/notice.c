/* Told one by one, because a channel may not be read now. It counts against nobody's calls an hour: nothing is asked of them. */
#include "engine/notice.h"

#include "engine/effect.h"

void notice_send(struct engine *e, const struct person *to, const struct notice *n)
{
    const struct chat_site *chat = engine_chat_of(e, to);
    if (!chat)
        return;
    json_t *args = json_object();
    const char *id = person_chat_id(to, chat->name);
    json_put(args, "channel", id);
    json_put(args, "text", n->text);
    AUTO_STR lane = str_fmt("%s:%s", chat->name, id);
    AUTO_STR key = str_fmt("%s-%s", n->key, to->key);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = chat->name, .op = "post", .key = key, .take_args = args, .case_id = n->case_id, .purpose = "notice"});
}
