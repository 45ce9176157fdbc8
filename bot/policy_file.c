/* Where the policy comes from. As long as nobody says otherwise it is the file, read again when it changes. Once it says
 * `changes: asked`, the file is a draft: what is in force is what was agreed, which the store keeps, so neither an edit nor a
 * restart brings anything in by itself. When a change is agreed on, the file is written to say the same; if that fails, the store
 * still counts, those who agreed are told, and it is tried again as long as the file says what it said before: so nobody's edit is
 * overwritten. */
#include "bot/policy_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bot/log.h"
#include "engine/policy_request.h"

enum { FILE_MOST = 1 << 20 };

char *policy_file_read(const char *path)
{
    char piece[8192];
    size_t n;
    AUTO_BUF text = BUF(FILE_MOST);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&text, piece, n);
    bool broken = ferror(f) != 0 || text.over || memchr(buf_text(&text), 0, text.n) != NULL;
    fclose(f);
    return broken ? NULL : buf_take(&text);
}

/* What was agreed, if that still binds: the store is not trusted blindly, its text must be the version it says. */
static struct policy *agreed_policy(struct store *s, struct problems *p)
{
    char version[16];
    AUTO_STR text = policy_text_in_force(s, version);
    if (!text)
        return NULL;
    struct policy *agreed = policy_of_text(text, p);
    if (agreed && !str_eq(policy_version(agreed), version))
        problems_add(p, NULL, 0, "the policy that was agreed on, %s, is not what the store holds now (%s); `dunwell journal verify` says more", version,
                     policy_version(agreed));
    if (agreed && policy_changes_asked(agreed))
        return agreed;
    policy_free(agreed);
    return NULL;
}

static bool write_whole(const char *path, const char *text)
{
    AUTO_STR beside = str_fmt("%s.agreed", path);
    struct stat st;
    mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
    FILE *f = fopen(beside, "wb");
    if (!f)
        return false;
    bool written = fwrite(text, 1, strlen(text), f) == strlen(text) && fflush(f) == 0 && fchmod(fileno(f), mode) == 0 && fsync(fileno(f)) == 0;
    written = fclose(f) == 0 && written;
    return written && rename(beside, path) == 0;
}

/* What was agreed on takes the place of the file. Whatever somebody wrote there since it was proposed is kept beside it. */
static bool replace(const char *path, const char *there, const char *text)
{
    AUTO_STR beside = str_fmt("%s.draft", path);
    unlink(beside);
    if (there && link(path, beside) == 0)
        log_line(LOG_WARN, "policy.draft", "%s was changed again after it was proposed; that is kept as %s", path, beside);
    return write_whole(path, text);
}

static bool file_differs(const char *path, const struct policy *agreed)
{
    struct problems p = {0};
    struct policy *file = policy_load(path, &p);
    bool differs = !file || !str_eq(policy_version(file), policy_version(agreed));
    policy_free(file);
    problems_free(&p);
    return differs;
}

bool policy_file_catch_up(struct store *s, const char *path)
{
    char before[16] = "", version[16];
    struct problems p = {0};
    struct policy *file = policy_load(path, &p);
    bool untouched = policy_unwritten(s, before) && file && str_eq(policy_version(file), before);
    policy_free(file);
    problems_free(&p);
    AUTO_STR text = untouched ? policy_text_in_force(s, version) : NULL;
    bool written = text && write_whole(path, text);
    if (written)
        log_line(LOG_INFO, "policy.written", "%s says now what was agreed on, policy %s", path, version);
    return written;
}

struct policy *policy_at_start(struct store *s, const char *path, struct problems *p)
{
    size_t before = p->n;
    struct policy *agreed = agreed_policy(s, p);
    if (p->n > before) {
        policy_free(agreed);
        return NULL;
    }
    if (!agreed)
        return policy_load(path, p);
    if (file_differs(path, agreed))
        log_line(LOG_WARN, "policy.draft", "%s is not what was agreed on: policy %s stays in force", path, policy_version(agreed));
    return agreed;
}

struct policy *policy_file_changed(const struct policy *in_force, const char *path)
{
    struct problems p = {0};
    struct policy *fresh = policy_load(path, &p);
    bool same = fresh && str_eq(policy_version(fresh), policy_version(in_force)), draft = fresh && !same && policy_changes_asked(in_force);
    for (size_t i = 0; i < p.n; i++)
        log_line(LOG_ERROR, "file.refused", "%s (the version before stays in force)", p.lines[i]);
    if (draft)
        log_line(LOG_WARN, "policy.draft", "%s was changed; it is a draft until others approve it. In chat: policy propose why <reason>", path);
    else if (fresh && !p.n)
        log_line(LOG_INFO, "file.reloaded", "%s was read again", path);
    bool use = fresh && !p.n && !draft;
    problems_free(&p);
    if (use)
        return fresh;
    policy_free(fresh);
    return NULL;
}

struct policy *policy_file_agreed(const char *path, const char *text, char *why, size_t size)
{
    struct problems p = {0};
    struct policy *agreed = policy_of_text(text, &p);
    problems_free(&p);
    AUTO_STR there = policy_file_read(path);
    why[0] = '\0';
    if (!(there && str_eq(there, text)) && !replace(path, there, text)) {
        str_copy(why, size, strerror(errno));
        log_line(LOG_ERROR, "policy.file", "%s could not be written (%s); the policy that was agreed on is in force all the same", path, why);
    }
    if (agreed)
        log_line(LOG_INFO, "policy.agreed", "policy %s is in force", policy_version(agreed));
    return agreed;
}

void policy_file_record(struct engine *e, const char *path)
{
    char version[16];
    if (!policy_changes_asked(e->policy))
        return;
    AUTO_STR known = policy_text_in_force(e->store, version);
    AUTO_STR text = known && str_eq(version, policy_version(e->policy)) ? NULL : policy_file_read(path);
    struct problems p = {0};
    struct policy *same = text ? policy_of_text(text, &p) : NULL;
    if (same && str_eq(policy_version(same), policy_version(e->policy))) /* else it changed again meanwhile: then by asking */
        policy_baseline(e, text);
    policy_free(same);
    problems_free(&p);
}
