/* The listening socket is opened here and handed to the HTTP library, because only so can a failure be explained: the
 * library says no more than "no". Addresses are numbers (config has checked them); IPv4 and IPv6 alike. */
#include "bot/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static int bind_problem(struct err *e, const char *host, int port, int why)
{
    if (why == EADDRINUSE)
        return err_set(e, ERR_CONFLICT, "listen: port %d on %s is taken; stop the program that has it (ss -ltnp shows which) or "
                       "choose another port in the configuration", port, host);
    if (why == EACCES)
        return err_set(e, ERR_DENIED, "listen: port %d is not allowed to this user; choose one above 1023", port);
    return err_set(e, ERR_IO, "listen: %s port %d: %s", host, port, strerror(why));
}

int listen_open(int *out, const char *host, int number, struct err *e)
{
    char port[12];
    snprintf(port, sizeof port, "%d", number);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *a = NULL;
    int rc = getaddrinfo(host, port, &hints, &a);
    if (rc)
        return err_set(e, ERR_INVALID, "listen: %s is not an address: %s", host, gai_strerror(rc));
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool fine = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
    fine = fine && bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int why = errno;
    freeaddrinfo(a);
    if (!fine) {
        if (fd >= 0)
            close(fd);
        return bind_problem(e, host, number, why);
    }
    *out = fd;
    return 0;
}

int listen_port(int fd)
{
    struct sockaddr_storage s;
    socklen_t n = sizeof s;
    memset(&s, 0, sizeof s);
    if (getsockname(fd, (struct sockaddr *)&s, &n))
        return 0;
    if (s.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&s)->sin6_port);
    return ntohs(((struct sockaddr_in *)&s)->sin_port);
}
