/* The files of templates/, compiled into the binary (bot/embed.sh writes the table), so that `dunwell demo` needs no
 * installed folder. Read-only, any thread. */
#ifndef DW_BOT_EMBEDDED_H
#define DW_BOT_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name;       /* below templates/: "people.yaml", "demo/dunwell.yaml" */
    const unsigned char *p; /* followed by a NUL that is not counted */
    size_t n;
};
extern const struct embedded embedded_all[]; /* ends with a row without name */

#endif
