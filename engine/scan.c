/* The hot path's reading of JSON: one pass, no allocation, a microsecond where a tree costs twenty.
 *
 * A webhook has to be checked, identified and stored before it is answered; building a tree for four fields of it
 * was two thirds of the whole cost. This reads the text once, refuses everything that the tree parser would refuse
 * (bad UTF-8, half surrogates, \u0000, numbers that fit nothing, too deep), and notes where the wanted values
 * stand.
 *
 * The tracking of paths: with each nested object goes a set of the fields whose path leads through it, so a subtree
 * in which nothing is wanted costs one comparison a key. Keys are compared unescaped ("\u0069d" is "id"), and no
 * segment of a wanted path may be there twice: otherwise two readers could see two different events in one signed
 * body.
 *
 * Each reader takes the place where its piece begins and returns the place behind it, or NULL for a text that is
 * refused; none looks at `end` or beyond. The recursion is bounded by JSON_MAX_DEPTH. */
#include "engine/scan.h"

#include <endian.h>
#include <string.h>

#include "engine/json.h"

enum { MOST_FIELDS = 16, MOST_SEGMENTS = 8 };

struct scanner {
    const char *end;
    struct scan_field *fields;
    uint8_t segment[MOST_FIELDS]
                   [MOST_SEGMENTS]; /* where segment k of field i's path begins; only for those on the way */
    uint8_t seen[MOST_FIELDS];                   /* bit k: segment k was met */
    int depth;
    bool too_deep;
};

static const char *scan_value(struct scanner *s, const char *p, uint32_t through, uint32_t wanted, int level);

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- strings
 * ------------------------------------------------------------------------------------------------------ */

/* High bits set where a byte of w is a quote, a backslash, a control or beyond ASCII. Above the first such byte
 * there may be false ones (a borrow runs upwards), below it there are none. */
static inline uint64_t special_bytes(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w) | w) & highs;
}

/* The first byte in a string that is not plain ASCII text, eight at a time; `end` when there is none. */
static inline const char *next_special(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t w;
        memcpy(&w, p, sizeof(w));
        w = special_bytes(le64toh(w));
        if (w)
            return p + (__builtin_ctzll(w) >> 3);
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)(*p - 0x20) < 0x60)
        p++;
    return p;
}

/* The value of four hex digits, or -1. */
static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Reads what follows a backslash. Returns its length in the text and the character, or 0 for what JSON or jansson
 * refuses: unknown letters, \u0000, half a surrogate pair. */
static size_t read_escape(const char *p, const char *end, uint32_t *character)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (p == end)
        return 0;
    if (*p != 'u') {
        const char *hit = *p ? strchr(letters, *p) : NULL;
        *character = hit ? (uint32_t)meant[hit - letters] : 0;
        return hit ? 1 : 0;
    }
    int high = hex4(p + 1, end);
    if (high <= 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return 0;
    *character = (uint32_t)high;
    if (high < 0xD800 || high > 0xDBFF)
        return 5;
    if (end - p < 7 || p[5] != '\\' || p[6] != 'u')
        return 0;
    int low = hex4(p + 7, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    *character = 0x10000u + (((uint32_t)high - 0xD800u) << 10) + ((uint32_t)low - 0xDC00u);
    return 11;
}

/* A character in a string that is not plain ASCII. */
static const char *scan_special(const char *p, const char *end, bool *escaped)
{
    uint32_t character;
    size_t n;
    if (*p == '\\') {
        *escaped = true;
        n = read_escape(p + 1, end, &character);
        return n ? p + 1 + n : NULL;
    }
    n = (unsigned char)*p < 0x20 ? 0 : utf8_length(p, (size_t)(end - p));
    return n ? p + n : NULL;
}

/* From the opening quote; *raw is what stands between the two. */
static inline const char *scan_string(const char *p, const char *end, struct span *raw, bool *escaped)
{
    const char *start = ++p;
    *escaped = false;
    for (;;) {
        p = next_special(p, end);
        if (p == end)
            return NULL;
        if (*p == '"')
            break;
        p = scan_special(p, end, escaped);
        if (!p)
            return NULL;
    }
    *raw = (struct span){.p = start, .n = (size_t)(p - start)};
    return p + 1;
}

/* The character as UTF-8; returns its length. */
static size_t put_utf8(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

static int unescape(struct span raw, char *out, size_t size, size_t *length)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    size_t used = 0;
    while (p < end) {
        char piece[4];
        size_t n, taken;
        if (*p == '\\') {
            uint32_t character;
            taken = read_escape(p + 1, end, &character);
            if (taken++ == 0)
                return ERR_INVALID;
            n = put_utf8(piece, character);
        } else {
            if (*p == '\0')
                return ERR_INVALID;
            piece[0] = *p;
            n = taken = 1;
        }
        if (n > size - used)
            return ERR_LIMIT;
        memcpy(out + used, piece, n);
        used += n;
        p += taken;
    }
    *length = used;
    return 0;
}

/* --- numbers
 * ------------------------------------------------------------------------------------------------------ */

static bool integer_fits(const char *p, size_t n, int64_t *out)
{
    bool negative = n > 0 && *p == '-';
    uint64_t value = 0, most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (size_t i = negative; i < n; i++) {
        uint64_t digit = (uint64_t)(p[i] - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* The smallest magnitude that rounds to infinity, 2^1024 - 2^970: 0.17976... times 10^309. */
static const char REAL_LIMIT[] =
    "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587"
    "207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711"
    "531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093"
    "042880177904174497792";
enum { REAL_LIMIT_EXPONENT = 309 };

/* Would the real, digits and point as written and times 10^exponent, be too large for a double? Exactly as
 * strtod says: the digits are compared with those of the limit only when the magnitude is the same. */
static bool real_overflows(const char *p, const char *digits_end, int64_t exponent)
{
    int64_t magnitude = exponent; /* of the number as 0.ddd x 10^magnitude */
    bool point = false, leading = true;
    size_t compared = 0;
    int order = 0; /* of the digits against the limit's, once they differ */
    for (; p < digits_end; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (leading && *p == '0') {
            magnitude -= point;
            continue;
        }
        leading = false;
        magnitude += !point;
        if (order == 0 && compared < sizeof(REAL_LIMIT) - 1)
            order = *p - REAL_LIMIT[compared++];
    }
    if (leading || magnitude != REAL_LIMIT_EXPONENT)
        return !leading && magnitude > REAL_LIMIT_EXPONENT;
    return order > 0 || (order == 0 && compared == sizeof(REAL_LIMIT) - 1);
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* From the e or E; the exponent saturates far beyond what any body can hold in digits. */
static const char *scan_exponent(const char *p, const char *end, int64_t *exponent)
{
    p++;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    const char *digits = p;
    int64_t value = 0;
    for (; p < end && is_digit(*p); p++)
        value = value < INT64_C(1000000000000) ? value * 10 + (*p - '0') : value;
    *exponent = negative ? -value : value;
    return p == digits ? NULL : p;
}

static const char *scan_real(const char *digits, const char *p, const char *end)
{
    int64_t exponent = 0;
    if (*p == '.') {
        const char *fraction = ++p;
        p = skip_digits(p, end);
        if (p == fraction)
            return NULL;
    }
    const char *digits_end = p;
    if (p < end && (*p == 'e' || *p == 'E'))
        p = scan_exponent(p, end, &exponent);
    return p && !real_overflows(digits, digits_end, exponent) ? p : NULL;
}

static const char *scan_number(const char *start, const char *end)
{
    const char *digits = start + (*start == '-'), *p = skip_digits(digits, end);
    int64_t value;
    if (p == digits || (*digits == '0' && p - digits > 1))
        return NULL;
    if (p < end && (*p == '.' || *p == 'e' || *p == 'E'))
        return scan_real(digits, p, end);
    return p - digits < 19 || integer_fits(start, (size_t)(p - start), &value) ? p : NULL;
}

/* --- structure
 * ---------------------------------------------------------------------------------------------------- */

/* Is the key this segment, whole? A key that holds a dot is none: it must not pass for a path. */
static bool segment_is(const char *segment, struct span key)
{
    size_t n = 0;
    while (n < key.n && segment[n] == key.p[n] && segment[n] != '.')
        n++;
    return n > 0 && n == key.n && (segment[n] == '.' || segment[n] == '\0');
}

/* Of the fields that lead through this object, those whose segment at `level` is this key: into *on those whose path
 * goes further, into *hit those that end here. */
static int match_key(struct scanner *s, uint32_t through, int level, struct span key, uint32_t *on, uint32_t *hit)
{
    for (uint32_t rest = through; rest; rest &= rest - 1) {
        size_t i = (size_t)__builtin_ctz(rest);
        size_t from = s->segment[i][level];
        const char *segment = s->fields[i].path + from;
        if (*segment != *key.p || !segment_is(segment, key))
            continue;
        if (s->seen[i] & (1u << level))
            return ERR_INVALID;
        s->seen[i] = (uint8_t)(s->seen[i] | (1u << level));
        if (segment[key.n] == '\0') {
            *hit |= 1u << i;
        } else {
            assert(level + 1 < MOST_SEGMENTS);
            s->segment[i][level + 1] = (uint8_t)(from + key.n + 1);
            *on |= 1u << i;
        }
    }
    return 0;
}

/* The rare key with escapes in it. One that does not fit is longer than any path, and so nobody's. */
static __attribute__((noinline)) int match_escaped(struct scanner *s, uint32_t through, int level, struct span raw,
                                                   uint32_t *on, uint32_t *hit)
{
    char plain[256];
    size_t n = 0;
    if (unescape(raw, plain, sizeof(plain), &n) != 0)
        return 0;
    return match_key(s, through, level, (struct span){.p = plain, .n = n}, on, hit);
}

static inline const char *scan_member(struct scanner *s, const char *p, uint32_t through, int level)
{
    struct span key;
    bool escaped;
    uint32_t on = 0, hit = 0;
    if (p == s->end || *p != '"' || !(p = scan_string(p, s->end, &key, &escaped)))
        return NULL;
    if (through && (escaped ? match_escaped : match_key)(s, through, level, key, &on, &hit) != 0)
        return NULL;
    p = skip_space(p, s->end);
    if (p == s->end || *p != ':')
        return NULL;
    return scan_value(s, skip_space(p + 1, s->end), on, hit, level + 1);
}

/* What stands between the brackets of an object or an array, from the opening to behind the closing one. */
static const char *scan_inside(struct scanner *s, const char *p, uint32_t through, int level)
{
    const char *end = s->end;
    bool object = *p == '{';
    char closing = object ? '}' : ']';
    p = skip_space(p + 1, end);
    if (p < end && *p == closing)
        return p + 1;
    for (;;) {
        p = object ? scan_member(s, p, through, level) : scan_value(s, p, 0, 0, 0);
        if (!p)
            return NULL;
        p = skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == closing)
            return p + 1;
        if (*p != ',')
            return NULL;
        p = skip_space(p + 1, end);
    }
}

static const char *scan_nested(struct scanner *s, const char *p, uint32_t through, int level)
{
    if (s->depth == JSON_MAX_DEPTH) {
        s->too_deep = true;
        return NULL;
    }
    s->depth++;
    p = scan_inside(s, p, through, level);
    s->depth--;
    return p;
}

static const char *scan_word(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static void note_fields(struct scanner *s, uint32_t wanted, struct span value, bool is_string, bool escaped)
{
    for (; wanted; wanted &= wanted - 1) {
        struct scan_field *f = &s->fields[__builtin_ctz(wanted)];
        f->value = value;
        f->is_string = is_string;
        f->has_escape = escaped;
    }
}

/* One value; `through`: fields whose path goes on inside it, `wanted`: fields whose value it is. */
static const char *scan_value(struct scanner *s, const char *start, uint32_t through, uint32_t wanted, int level)
{
    if (start == s->end)
        return NULL;
    const char *p;
    struct span raw = {0};
    bool escaped = false;
    switch (*start) {
    case '"':
        p = scan_string(start, s->end, &raw, &escaped);
        break;
    case '{':
    case '[':
        p = scan_nested(s, start, through, level);
        break;
    case 't':
        p = scan_word(start, s->end, "true", 4);
        break;
    case 'f':
        p = scan_word(start, s->end, "false", 5);
        break;
    case 'n':
        p = scan_word(start, s->end, "null", 4);
        break;
    default:
        p = scan_number(start, s->end);
        break;
    }
    if (p && wanted) {
        if (*start != '"')
            raw = (struct span){.p = start, .n = (size_t)(p - start)};
        note_fields(s, wanted, raw, *start == '"', escaped);
    }
    return p;
}

int scan_json(struct span text, struct scan_field *fields, size_t n)
{
    assert(n <= MOST_FIELDS);
    for (size_t i = 0; i < n; i++) {
        fields[i].value = (struct span){0};
        fields[i].is_string = fields[i].has_escape = false;
    }
    if (text.n == 0)
        return ERR_INVALID;
    if (text.n > JSON_MAX_BYTES)
        return ERR_LIMIT;
    struct scanner s = {.end = text.p + text.n, .fields = fields};
    const char *p = scan_value(&s, skip_space(text.p, s.end), (1u << n) - 1, 0, 0);
    if (!p)
        return s.too_deep ? ERR_LIMIT : ERR_INVALID;
    return skip_space(p, s.end) == s.end ? 0 : ERR_INVALID;
}

int scan_copy(const struct scan_field *f, char *out, size_t size)
{
    if (!f->value.p || !f->is_string)
        return ERR_INVALID;
    if (size == 0)
        return ERR_LIMIT;
    size_t n = f->value.n;
    bool plain = n < size && !memchr(f->value.p, '\\', n) && !memchr(f->value.p, '\0', n); /* nearly always */
    int rc = plain ? 0 : unescape(f->value, out, size - 1, &n);
    if (plain)
        memcpy(out, f->value.p, n);
    out[rc == 0 ? n : 0] = '\0';
    return rc;
}

bool scan_int(const struct scan_field *f, int64_t *out)
{
    if (!f->value.p || f->is_string || f->value.n == 0)
        return false;
    const char *p = f->value.p;
    size_t sign = *p == '-';
    if (f->value.n == sign)
        return false;
    for (size_t i = sign; i < f->value.n; i++) {
        if (!is_digit(p[i]))
            return false;
    }
    int64_t value;
    if (!integer_fits(p, f->value.n, &value))
        return false;
    *out = value;
    return true;
}
