/* What a request line asks for. Pure. */
#ifndef DW_BOT_HTTP_TARGET_H
#define DW_BOT_HTTP_TARGET_H

#include <stdbool.h>

/* "/healthz" of "/healthz" and of "http://HOST/healthz" (RFC 9112, 3.2.2: a server takes both); "/" where only a host is named. What is
 * neither is given back as it is and fits no path of ours. Points into `url` or at a constant. */
const char *target_path(const char *url);
/* Whether the path, as it came, holds a zero byte (%00): decoded it would end there, and pass for another. */
bool target_is_cut(const char *uri);

#endif
