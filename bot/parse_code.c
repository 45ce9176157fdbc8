/* One-time codes in what people type. They are cut out of the text before anything else reads it, because everything that
 * reads it may also repeat it: a reason is stored, a refusal quotes, an echo is kept by the platform. So the rule is
 * generous: "code 123456" anywhere, and six digits where a reason would begin. A reason that begins with six digits loses
 * them; a code that stays in a text would be worse. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "bot/parse.h"

/* Six digits, in one piece or as "123 456"; how many bytes they take, 0 when it is no code. */
static size_t code_length(const char *p, char code[PARSE_CODE])
{
    size_t n = 0, digits = 0;
    for (; digits < 6 && (isdigit((unsigned char)p[n]) || (digits == 3 && (p[n] == ' ' || p[n] == '-'))); n++)
        if (isdigit((unsigned char)p[n]))
            code[digits++] = p[n];
    code[digits] = '\0';
    return digits == 6 && (p[n] == '\0' || parse_trim(p + n) > p + n) ? n : 0;
}

/* Where the code behind this word ends; NULL when the word does not begin one. second: the word is the second of all. */
static char *code_end(char *word, bool second, char code[PARSE_CODE])
{
    size_t n = strncasecmp(word, "code", 4) == 0 ? 4 : 0;
    if (n && word[n] == ':')
        n++;
    const char *digits = n ? parse_trim(word + n) : word;
    if (!n && !second)
        return NULL;
    n = code_length(digits, code);
    return n ? word + (digits - word) + n : NULL;
}

void parse_take_code(char *text, char code[PARSE_CODE])
{
    char found[PARSE_CODE];
    code[0] = '\0';
    int words = 0;
    for (char *p = text; *p;) {
        p += parse_trim(p) - p;
        char *end = code_end(p, ++words == 2, found);
        if (end) {
            if (!code[0])
                memcpy(code, found, PARSE_CODE);
            memset(found, 0, sizeof found);
            memmove(p, end, strlen(end) + 1);
            continue;
        }
        while (*p && parse_trim(p) == p)
            p++;
    }
}
