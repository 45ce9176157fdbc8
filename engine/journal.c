/* The journal. hash(n) = SHA-256(hash(n-1), seq, time, actor, verb, case, account, ref, text, detail), each text led by its
 * length, so no two different rows feed the same bytes. Change, drop, insert or reorder a row and every later hash is wrong;
 * `dunwell journal verify` finds the first. The head of the chain is kept in memory between turns and forgotten when a turn
 * is rolled back. */
#include "engine/journal.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HASH_SIZE = 32, TEXT_MAX = 4000 };

static void feed(EVP_MD_CTX *ctx, const char *text)
{
    uint64_t n = text ? strlen(text) : 0;
    EVP_DigestUpdate(ctx, &n, sizeof n);
    EVP_DigestUpdate(ctx, text ? text : "", (size_t)n);
}

static void hash_row(EVP_MD_CTX *ctx, const unsigned char before[HASH_SIZE], const struct entry *row, const char *detail,
                     unsigned char out[HASH_SIZE])
{
    static EVP_MD *sha256; /* fetched once: the look-up costs more than the hash */
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    int ok = EVP_DigestInit_ex(ctx, sha256, NULL);
    assert(ok == 1);
    EVP_DigestUpdate(ctx, before, HASH_SIZE);
    int64_t numbers[] = {row->seq, row->at_ms, row->case_id};
    EVP_DigestUpdate(ctx, numbers, sizeof numbers);
    const char *texts[] = {row->actor, row->verb, row->account, row->ref, row->text, detail};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        feed(ctx, texts[i]);
    EVP_DigestFinal_ex(ctx, out, NULL);
}

static void head_load(struct engine *e)
{
    if (e->memo.head_known)
        return;
    e->memo.head_seq = 0;
    memset(e->memo.head, 0, HASH_SIZE);
    struct query *q = store_query(e->store, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", "");
    if (query_next(q)) {
        struct span hash = query_blob(q, 1);
        e->memo.head_seq = query_i64(q, 0);
        if (hash.n == HASH_SIZE)
            memcpy(e->memo.head, hash.p, HASH_SIZE);
        query_end(q);
    }
    e->memo.head_known = true;
}

/* Foreign words may stand in the sentence: what would garble a terminal becomes a blank. */
static void text_settle(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

void journal_add(struct engine *e, const struct actor *who, const char *verb, int64_t case_id, const char *account,
                 const char *ref, const json_t *detail, const char *text_fmt, ...)
{
    char raw[TEXT_MAX + 4], text[TEXT_MAX];
    va_list args;
    va_start(args, text_fmt);
    vsnprintf(raw, sizeof raw, text_fmt, args);
    va_end(args);
    str_copy(text, sizeof text, raw); /* not in the middle of a character */
    text_settle(text);
    head_load(e);
    AUTO_STR details = detail ? json_text(detail) : NULL;
    struct entry row = {.seq = e->memo.head_seq + 1, .at_ms = e->now_ms, .case_id = case_id, .actor = actor_key(who), .verb = verb,
                        .account = account ? account : "", .ref = ref ? ref : "", .text = text};
    unsigned char hash[HASH_SIZE];
    hash_row(e->digest, e->memo.head, &row, details, hash);
    store_run(e->store,
              "INSERT INTO journal (seq, at_ms, actor, verb, case_id, account, ref, text, detail, hash) VALUES "
              "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
              "iittittttb", row.seq, row.at_ms, row.actor, row.verb, row.case_id, row.account, row.ref, row.text, details,
              (struct span){.p = (const char *)hash, .n = HASH_SIZE});
    e->memo.head_seq = row.seq;
    memcpy(e->memo.head, hash, HASH_SIZE);
}

static void row_read(struct query *q, struct entry *row)
{
    *row = (struct entry){.seq = query_i64(q, 0), .at_ms = query_i64(q, 1), .actor = query_text(q, 2), .verb = query_text(q, 3),
                          .case_id = query_i64(q, 4), .account = query_text(q, 5), .ref = query_text(q, 6),
                          .text = query_text(q, 7)};
}

void journal_each(struct store *s, const char *account, int most, void (*each)(void *ctx, const struct entry *row), void *ctx)
{
    struct query *q =
        account ? store_query(s,
                              "SELECT * FROM (SELECT seq, at_ms, actor, verb, case_id, account, ref, text, detail FROM journal "
                              "WHERE account = ?1 AND account <> '' ORDER BY seq DESC LIMIT ?2) AS newest ORDER BY seq",
                              "ti", account, (int64_t)most)
                : store_query(s,
                              "SELECT * FROM (SELECT seq, at_ms, actor, verb, case_id, account, ref, text, detail FROM journal "
                              "ORDER BY seq DESC LIMIT ?1) AS newest ORDER BY seq",
                              "i", (int64_t)most);
    while (query_next(q)) {
        struct entry row;
        row_read(q, &row);
        json_auto_t *detail = query_json(q, 8);
        row.detail = detail;
        each(ctx, &row);
    }
}

static void hex(char out[65], const unsigned char hash[HASH_SIZE])
{
    for (int i = 0; i < HASH_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* Behind a NUL byte stands what no reader of texts sees. */
static bool is_whole(struct query *q)
{
    for (int column = 2; column <= 8; column++) {
        const char *text = column == 4 ? NULL : query_text(q, column); /* case_id is a number */
        if (text && strlen(text) != query_blob(q, column).n)
            return false;
    }
    return true;
}

int journal_verify(struct store *s, struct journal_report *out, struct err *e)
{
    *out = (struct journal_report){0};
    unsigned char head[HASH_SIZE] = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct query *q = store_query(
        s, "SELECT seq, at_ms, actor, verb, case_id, account, ref, text, detail, hash FROM journal ORDER BY seq", "");
    while (!out->first_bad && query_next(q)) {
        struct entry row;
        row_read(q, &row);
        unsigned char want[HASH_SIZE];
        hash_row(ctx, head, &row, query_text(q, 8), want);
        struct span have = query_blob(q, 9);
        if (row.seq != out->rows + 1)
            snprintf(out->problem, sizeof out->problem, "row %lld is missing", (long long)(out->rows + 1));
        else if (have.n != HASH_SIZE || memcmp(have.p, want, HASH_SIZE) != 0 || !is_whole(q))
            snprintf(out->problem, sizeof out->problem, "row %lld was changed after it was written", (long long)row.seq);
        if (out->problem[0]) {
            out->first_bad = out->rows + 1;
            query_end(q);
            break;
        }
        memcpy(head, want, HASH_SIZE);
        out->rows++;
    }
    EVP_MD_CTX_free(ctx);
    hex(out->head, head);
    return out->first_bad ? err_set(e, ERR_INVALID, "the journal does not hold: %s", out->problem) : store_failed(s, e);
}
