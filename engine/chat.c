/* What a person did and what we answer, made empty and freed whole.
 *
 * A chat input crosses from the io thread to the engine thread by value, and an answer crosses back: each has exactly
 * one holder at a time, and the holder at the end of the road calls _fini. Both may be called on a value that was
 * emptied by STEAL, and twice. */
#include "engine/chat.h"

void chat_input_init(struct chat_input *in)
{
    *in = (struct chat_input){.kind = CHAT_IGNORE};
}

void chat_input_fini(struct chat_input *in)
{
    char *const owned[] = {in->platform, in->envelope, in->dedupe,       in->user,    in->channel, in->text,
                           in->action,   in->value,    in->trigger,      in->message, in->form,    in->ref,
                           in->view,     in->view_hash, in->response_url, in->thread};
    for (size_t i = 0; i < DW_ARRAY_LEN(owned); i++)
        free(owned[i]);
    json_decref(in->values);
    chat_input_init(in);
}

void chat_answer_init(struct chat_answer *a)
{
    *a = (struct chat_answer){.card = NULL};
}

void chat_answer_fini(struct chat_answer *a)
{
    json_decref(a->card);
    json_decref(a->form_errors);
    free(a->text);
    chat_answer_init(a);
}
