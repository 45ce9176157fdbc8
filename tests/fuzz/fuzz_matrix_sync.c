/* What a homeserver - and through it any stranger - can put into an answer to the poll.
 *
 * The first byte says to which question it is the answer. Whatever comes, the step is one of its five ends; what it tells people did
 * has an id to know it again by, a place and, where somebody commands, a person of an allowed server and one printable line; no
 * token is in what is stored or asked; and the place to go on from only moves when the answer named another. */
#include <string.h>

#include "adapters/chat/matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char server[] = "https://matrix.test", me[] = "@dunwell:dunwell.test", device[] = "DUNWELL", password[] = "pw-fake";
static const char *const phases[] = {"sync", "gap", "first", "whoami", "login", "refresh", "filter"};

static void look_at(const struct chat_input *in)
{
    assert(in->platform && in->dedupe);
    if (in->kind == CHAT_WARNING) {
        assert(in->text && *in->text);
        return;
    }
    assert(in->channel && matrix_is_room(in->channel));
    assert(in->kind == CHAT_ENCRYPTED || in->user);
    if (in->kind != CHAT_COMMAND)
        return;
    const char *colon = strchr(in->user, ':');
    assert(colon && strcmp(colon, ":dunwell.test") == 0 && strcmp(in->user, me) != 0);
    assert(in->text && in->message && !strchr(in->text, '\n') && strlen(in->text) <= 2000);
}

static void one_step(const char *phase, struct span body)
{
    struct matrix_config config = {.base = {.driver = &matrix_driver, .name = "matrix"}, .homeserver = server, .user = me, .device_id = device, .password = password};
    json_auto_t *stage = json_pack("{s:s, s:s, s:s, s:i}", "phase", phase, "who", me, "since", "s1", "fails", 2);
    json_auto_t *kept = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:{s:i}, s:{s:i}}}", "at", server, "as", me, "user_id", me, "device_id", device, "token",
                                  "t-fake-1", "filter", "f1", "rooms", "!a:b", "n", 4, "!p", "n", 2);
    if (strcmp(phase, "gap") == 0)
        json_put_new(stage, "gaps", json_pack("[{s:s, s:s, s:s, s:b}]", "room", "!a:b", "from", "s0", "to", "s1", "in", 1));
    struct job job = {.id = 1, .driver = "matrix", .op = "poll", .key = "poll-matrix", .stage = stage, .kept = kept, .now_ms = INT64_C(1793000000000), .random = 7};
    struct http_response response;
    struct step s;
    http_response_init(&response);
    response.transport = TRANSPORT_OK;
    response.status = 200;
    buf_add(&response.body, body.p, body.n);
    step_init(&s);
    matrix_driver.step(&config, &job, &response, &s);
    for (size_t i = 0; i < s.n_inputs; i++)
        look_at(&s.inputs[i]);
    AUTO_STR stored = json_text(s.stage);
    assert(!strstr(stored, "t-fake-1") && !strstr(stored, "pw-fake"));
    assert(s.outcome == STEP_HTTP || *s.reason);
    assert(s.outcome != STEP_HTTP || (s.request.url && !strstr(s.request.url, "t-fake-1")));
    assert(s.outcome != STEP_DONE);
    step_fini(&s);
    http_response_fini(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    one_step(phases[(size_t)data[0] % DW_ARRAY_LEN(phases)], (struct span){.p = (const char *)data + 1, .n = size - 1});
    return 0;
}
