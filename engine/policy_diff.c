/* Two policies side by side, in words. Both are in their canonical form, so what is compared is what they mean: comments, the
 * order of keys and defaults that are written out make no difference. Rules and tiers are told apart by their names, because
 * one that is put in front would otherwise look like a change of all that follow. */
#include "engine/policy_change.h"

#include <stdio.h>
#include <string.h>

#include "engine/policy_parts.h"

enum { PATH_SIZE = 160 };

struct diff {
    struct buf *out;
    size_t n;
};

static bool is_currency(const char *key)
{
    return strlen(key) == 3 && strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 && money_exponent(key) >= 0;
}

/* A value as people write it; an amount has its currency as key. */
static void value_words(const char *key, const json_t *value, struct buf *out)
{
    char amount[MONEY_TEXT_SIZE];
    if (json_is_integer(value) && is_currency(key)) {
        buf_adds(out, money_text(amount, money_of(json_integer_value(value), key)));
    } else if (json_is_string(value)) {
        buf_adds(out, json_string_value(value));
    } else {
        AUTO_STR text = json_text(value);
        buf_adds(out, text);
    }
}

static void say(struct diff *d, const char *path, const char *key, const json_t *before, const json_t *after)
{
    d->n++;
    buf_addf(d->out, "%s: ", path);
    if (before)
        value_words(key, before, d->out);
    buf_adds(d->out, !before ? "new: " : !after ? " is gone" : " becomes ");
    if (after)
        value_words(key, after, d->out);
    buf_addc(d->out, '\n');
}

static void compare(struct diff *d, const char *path, const char *key, const json_t *before, const json_t *after);

static void path_of(char out[PATH_SIZE], const char *path, const char *key)
{
    snprintf(out, PATH_SIZE, "%s%s%s", path, path[0] ? "." : "", key);
}

static void compare_maps(struct diff *d, const char *path, const json_t *before, const json_t *after)
{
    char below[PATH_SIZE];
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)before, key, value) {
        path_of(below, path, key);
        compare(d, below, key, value, json_object_get(after, key));
    }
    json_object_foreach((json_t *)(uintptr_t)after, key, value) {
        path_of(below, path, key);
        if (!json_object_get(before, key))
            say(d, below, key, NULL, value);
    }
}

static const char *name_of(const json_t *row)
{
    const char *tier = json_str(row, "tier", "");
    return json_str(row, "name", tier);
}

static const json_t *named(const json_t *rows, const char *name)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (str_eq(name_of(json_array_get(rows, i)), name))
            return json_array_get(rows, i);
    return NULL;
}

/* Does the order of those that are in both stay? The first that fits wins, so the order is part of the meaning. */
static bool same_order(const json_t *before, const json_t *after)
{
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(before); i++) {
        const char *name = name_of(json_array_get(before, i));
        if (!named(after, name))
            continue;
        while (at < json_array_size(after) && !named(before, name_of(json_array_get(after, at))))
            at++;
        if (!str_eq(name_of(json_array_get(after, at++)), name))
            return false;
    }
    return true;
}

static void say_order(struct diff *d, const char *path, const json_t *after)
{
    d->n++;
    buf_addf(d->out, "%s: the order becomes", path);
    for (size_t i = 0; i < json_array_size(after); i++)
        buf_addf(d->out, "%s %s", i ? "," : "", name_of(json_array_get(after, i)));
    buf_addc(d->out, '\n');
}

static void compare_named(struct diff *d, const char *path, const json_t *before, const json_t *after)
{
    char below[PATH_SIZE];
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *row = json_array_get(before, i);
        path_of(below, path, name_of(row));
        compare(d, below, "", row, named(after, name_of(row)));
    }
    for (size_t i = 0; i < json_array_size(after); i++) {
        const json_t *row = json_array_get(after, i);
        path_of(below, path, name_of(row));
        if (!named(before, name_of(row)))
            say(d, below, "", NULL, row);
    }
    if (!same_order(before, after))
        say_order(d, path, after);
}

static void compare(struct diff *d, const char *path, const char *key, const json_t *before, const json_t *after)
{
    if (after && json_equal(before, after))
        return;
    if (json_is_object(before) && json_is_object(after))
        compare_maps(d, path, before, after);
    else if (json_is_array(before) && json_is_array(after) && name_of(json_array_get(before, 0))[0])
        compare_named(d, path, before, after);
    else
        say(d, path, key, before, after);
}

size_t policy_diff(const struct policy *before, const struct policy *after, struct buf *out)
{
    struct diff d = {.out = out};
    compare(&d, "", "", before->root, after->root);
    return d.n;
}
