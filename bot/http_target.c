/* The two forms in which a path is asked for. The absolute one is what is sent to a proxy, and some proxies and old libraries send it to
 * everybody. The host in it is not looked at, as little as the Host header is: this server answers for whatever address led here, and
 * what may be done is decided by a signature, not by a name. */
#include "bot/http_target.h"

#include <string.h>
#include <strings.h>

const char *target_path(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0 ? 7 : strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t host = strcspn(url + scheme, "/");
    if (scheme == 0 || host == 0)
        return url;
    return url[scheme + host] ? url + scheme + host : "/";
}

bool target_is_cut(const char *uri)
{
    const char *zero = strstr(uri, "%00");
    return zero && zero < uri + strcspn(uri, "?");
}
