/* Frames of Slack's socket from arbitrary bytes. What is refused leaves nothing behind; what is accepted names its
 * person and is unique if it asks for anything; and whatever it says can be acknowledged and answered in valid JSON,
 * in which foreign text has become no mention of everybody. */
#include <string.h>

#include "adapters/chat/slack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool asks(enum chat_kind kind)
{
    return kind == CHAT_COMMAND || kind == CHAT_ACTION || kind == CHAT_FORM_CHANGE || kind == CHAT_FORM_SUBMIT;
}

static void check_input(const struct chat_input *in)
{
    assert(str_eq(in->platform, "slack"));
    if (!asks(in->kind))
        return;
    assert(in->user && *in->user && in->dedupe);
    assert(in->kind != CHAT_COMMAND || in->text);
    assert(in->kind != CHAT_ACTION || (in->action && in->value));
    assert((in->kind != CHAT_FORM_CHANGE && in->kind != CHAT_FORM_SUBMIT) || json_is_object(in->values));
}

static void check_ack(const struct slack_config *c, const struct chat_input *in, const struct chat_answer *answer)
{
    struct buf out = BUF(8 << 20);
    slack_driver.ack(c, in, answer, &out);
    if (!in->envelope) {
        assert(out.n == 0);
    } else {
        json_t *ack = json_read((struct span){out.p, out.n}, NULL);
        assert(ack && str_eq(json_str(ack, "envelope_id", NULL), in->envelope));
        assert(!strstr(json_str(ack, "payload.text", ""), "<!"));
        assert(in->takes_answer || !json_at(ack, "payload"));
        json_decref(ack);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slack_config config = {.base = {.driver = &slack_driver, .name = "slack"}};
    struct chat_input in;
    struct err e = {0};
    chat_input_init(&in);
    int rc = slack_driver.frame(&config, (struct span){(const char *)data, size}, &in, &e);
    if (rc != 0) {
        assert(!in.platform && !in.envelope && !in.values && e.text[0]);
        return 0;
    }
    check_input(&in);
    check_ack(&config, &in, NULL);
    struct chat_answer answer = {.text = str_dup(in.text ? in.text : in.value)};
    check_ack(&config, &in, &answer);
    answer.form_errors = json_incref(in.values);
    check_ack(&config, &in, &answer);
    chat_answer_fini(&answer);
    chat_input_fini(&in);
    return 0;
}
