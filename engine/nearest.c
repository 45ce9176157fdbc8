/* "Did you mean". A person who typed "nortwind", or "teir" in policy.yaml, is helped most by the word that was
 * meant, so the edit distance is worth its few lines. Words are cut at 64 bytes: that bounds the work, whatever is
 * typed. */
#include "engine/nearest.h"

#include <string.h>

enum { WORD_MAX = 64 };

static int least(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

int text_distance(const char *a, const char *b, int most)
{
    size_t n = strnlen(a, WORD_MAX), m = strnlen(b, WORD_MAX);
    int row[WORD_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0], best = (int)i;
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
            best = row[j] < best ? row[j] : best;
        }
        if (best > most)
            return most + 1;
    }
    return row[m] > most ? most + 1 : row[m];
}

const char *text_nearest(const char *text, const char *const *list)
{
    const char *nearest = NULL;
    int distance = 0;
    for (; *list; list++) {
        int most = (int)(strlen(*list) / 3) + 1, d = text_distance(text, *list, most);
        if (d <= most && (!nearest || d < distance)) {
            nearest = *list;
            distance = d;
        }
    }
    return nearest;
}
