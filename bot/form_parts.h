/* What a form is put together from (format: engine/chat.h). bot/ only; engine thread. */
#ifndef DW_BOT_FORM_PARTS_H
#define DW_BOT_FORM_PARTS_H

#include "engine/json.h"

json_t *form_new(const char *form, const char *ref, const char *title, const char *submit); /* submit NULL: nothing to send */
void form_note(json_t *form, const char *text);
/* kind "select", "date" or "text". Returns the input, borrowed. */
json_t *form_input(json_t *form, const char *id, const char *kind, const char *label, const char *value);
void form_option(json_t *input, const char *value, const char *label);
/* What the forms of a case share (forms.c). */
struct engine;
struct recovery;
char *form_ref_of_case(const struct recovery *r); /* "N-12@4"; new */
void form_note_unpaid(json_t *form, const struct engine *e, const struct recovery *r);
void form_input_why(json_t *form, const char *label, const char *value, bool optional);
void form_input_code(json_t *form);
/* "What do you offer?": choosing another one makes this form that one. chosen: "plan", "settle" or "credit". */
void form_input_offer(json_t *form, struct engine *e, const struct recovery *r, const char *chosen);
const char *form_value(const json_t *values, const char *id, const char *otherwise); /* of what a person filled in */

#endif
