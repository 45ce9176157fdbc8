/* A load server that a client takes for Slack's Socket Mode: load PORT IN_FLIGHT SECONDS [refresh|cut|silent]
 *
 * It answers the two API calls of a start, upgrades, says hello, keeps IN_FLIGHT slash commands unanswered and times each
 * acknowledgement. SECONDS 0: one command, then nothing more until it is ended. With a third word something happens to the
 * link each second (`silent`: once): it is asked to be refreshed, as Slack does every few hours; it is reset; or it falls
 * silent without a word. Then what counts is `lost`, commands that were handed over and never acknowledged, and `gap_ms`, how
 * long there was no link to hand any over. Envelope ids are random, trigger ids begin with a rising number: as Slack's.
 * COMMAND_TEXT and COMMAND_USER say what is typed by whom; a # in the text is the command's number, from 1. Everything on loopback, one thread. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum { IN_MOST = 1 << 17, OUT_MOST = 1 << 21, REMEMBERED = 1 << 16, LINKS = 16, FRAME = 1200, DRAIN_US = 2000000, PATIENCE_US = 40000000 };
enum fault { NO_FAULT, REFRESH, CUT, SILENT };

struct link {
    int fd; /* 0: free */
    int live, retiring, deaf;
    unsigned unacked;
    size_t n_in, n_out, sent;
    char in[IN_MOST], out[OUT_MOST];
};

static struct link links[LINKS];
static struct samples took;
static int poller, port;
static enum fault fault;
static unsigned in_flight;
static uint64_t epoch, next_command, acks, lost, bad, faults;
static int64_t sent_us[REMEMBERED], measure_us, began_us, fault_us, first_ack_us, gap_began_us, gap_us;
static const char *text, *user;
static volatile sig_atomic_t told_to_end;

static void report(void)
{
    int64_t now = clock_us();
    if (gap_began_us)
        gap_us += now - gap_began_us;
    double seconds = began_us ? (double)(now < began_us + measure_us || !measure_us ? now - began_us : measure_us) / 1e6 : 1;
    printf("rate=%.0f p50_us=%u p99_us=%u acks=%llu bad=%llu lost=%llu faults=%llu gap_ms=%lld first_ack_us=%lld\n", (double)took.n / seconds,
           samples_at(&took, 50), samples_at(&took, 99), (unsigned long long)acks, (unsigned long long)bad, (unsigned long long)lost,
           (unsigned long long)faults, (long long)(gap_us / 1000), (long long)first_ack_us);
    fflush(stdout);
    _exit(0);
}

/* --- bytes out ---------------------------------------------------------------------------------------------------- */

static void watch(struct link *l, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = l};
    epoll_ctl(poller, EPOLL_CTL_MOD, l->fd, &e);
}

static void flush_out(struct link *l)
{
    while (l->sent < l->n_out && !l->deaf) {
        ssize_t n = send(l->fd, l->out + l->sent, l->n_out - l->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN)
                watch(l, EPOLLIN | EPOLLOUT);
            return;
        }
        l->sent += (size_t)n;
    }
    l->sent = l->n_out = 0;
}

static void put(struct link *l, const void *p, size_t n)
{
    if (l->n_out + n > OUT_MOST)
        exit((fprintf(stderr, "load: the client does not read\n"), 1));
    memcpy(l->out + l->n_out, p, n);
    l->n_out += n;
}

static void put_frame(struct link *l, unsigned char kind, const char *p, size_t n)
{
    unsigned char head[4] = {(unsigned char)(0x80 | kind), (unsigned char)(n < 126 ? n : 126), (unsigned char)(n >> 8), (unsigned char)n};
    put(l, head, n < 126 ? 2 : 4);
    put(l, p, n);
}

static void put_text(struct link *l, const char *p)
{
    put_frame(l, 1, p, strlen(p));
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static const char *typed(char out[200], uint64_t n)
{
    const char *mark = strchr(text, '#');
    if (!mark)
        return text;
    snprintf(out, 200, "%.*s%llu%s", (int)(mark - text), text, (unsigned long long)n + 1, mark + 1);
    return out;
}

static void put_command(struct link *l)
{
    char frame[FRAME * 2], said[200];
    uint64_t n = next_command++, r = scatter(n + epoch); /* no id comes twice, in this run or the next */
    int used = snprintf(frame, sizeof frame,
                        "{\"envelope_id\":\"%08x-%04x-4%03x-a%03x-%012llx\",\"type\":\"slash_commands\",\"accepts_response_payload\":true,\"payload\":{"
                        "\"token\":\"not-a-token\",\"team_id\":\"T0BENCH\",\"team_domain\":\"bench\",\"channel_id\":\"C0BENCH\",\"channel_name\":"
                        "\"collections\",\"user_id\":\"%s\",\"user_name\":\"bench\",\"command\":\"/dunwell\",\"text\":\"%s\",\"api_app_id\":"
                        "\"A0BENCH\",\"is_enterprise_install\":\"false\",\"response_url\":\"https://hooks.example.com/commands/T0BENCH/1/x\","
                        "\"trigger_id\":\"%llu.738474920.%016llx\",\"filler\":\"",
                        (unsigned)r, (unsigned)(r >> 32) & 0xffff, (unsigned)(r >> 48) & 0xfff, (unsigned)(r >> 52) & 0xfff,
                        (unsigned long long)n, user, typed(said, n), (unsigned long long)(epoch + n), (unsigned long long)r);
    while (used < FRAME - 3)
        frame[used++] = '.';
    memcpy(frame + used, "\"}}", 3);
    sent_us[n % REMEMBERED] = clock_us();
    l->unacked++;
    put_frame(l, 1, frame, FRAME);
}

static int measuring(void)
{
    return !measure_us || clock_us() < began_us + measure_us;
}

/* Where commands go: a link that is live, and sooner one that was not asked to go and has not fallen silent. */
static struct link *target(void)
{
    struct link *best = NULL;
    for (int i = 0; i < LINKS; i++)
        if (links[i].fd && links[i].live && (!best || best->retiring || best->deaf))
            best = &links[i];
    return best;
}

static void fill(void)
{
    struct link *l = target();
    unsigned out = 0;
    for (int i = 0; i < LINKS; i++)
        out += links[i].fd ? links[i].unacked : 0;
    if (l && !l->deaf && began_us && measuring() && (measure_us || !next_command))
        for (; out < in_flight; out++)
            put_command(l);
    for (int i = 0; i < LINKS; i++)
        if (links[i].fd)
            flush_out(&links[i]);
}

static void on_ack(struct link *l, const char *p, size_t n)
{
    static const char name[] = "\"envelope_id\":\"";
    const char *at = memmem(p, n, name, sizeof name - 1);
    uint64_t which = at && at + 51 < p + n ? strtoull(at + sizeof name - 1 + 24, NULL, 16) : UINT64_MAX;
    if (which >= next_command || which + REMEMBERED <= next_command || !l->unacked) {
        bad++;
        return;
    }
    int64_t now = clock_us();
    l->unacked--;
    acks++;
    if (!first_ack_us)
        first_ack_us = now;
    if (measuring())
        samples_add(&took, now - sent_us[which % REMEMBERED]);
}

/* --- links -------------------------------------------------------------------------------------------------------- */

static void gap_look(void)
{
    int64_t now = clock_us();
    struct link *l = target();
    if (began_us && !gap_began_us && (!l || l->deaf))
        gap_began_us = now;
    if (gap_began_us && l && !l->deaf) {
        gap_us += now - gap_began_us;
        gap_began_us = 0;
    }
}

static void link_end(struct link *l)
{
    lost += l->unacked;
    close(l->fd);
    l->fd = 0;
    gap_look();
}

static void link_reset(struct link *l)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    link_end(l);
}

static void fault_now(struct link *l)
{
    faults++;
    if (fault == REFRESH) {
        l->retiring = 1;
        put_text(l, "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\",\"debug_info\":{\"host\":\"bench\"}}");
    } else if (fault == CUT) {
        link_reset(l);
    } else {
        l->deaf = 1;
        fault_us = INT64_MAX;
        gap_look();
    }
}

static void link_live(struct link *l)
{
    l->live = 1;
    put_text(l, "{\"type\":\"hello\",\"num_connections\":1,\"connection_info\":{\"app_id\":\"A0BENCH\"},"
                "\"debug_info\":{\"host\":\"bench\",\"approximate_connection_time\":18060}}");
    for (int i = 0; i < LINKS; i++)
        if (&links[i] != l && links[i].deaf)
            lost += links[i].unacked, links[i].unacked = 0; /* nobody will ever hear of these */
    if (!began_us) {
        began_us = clock_us();
        fault_us = began_us + 1000000;
    }
    gap_look();
}

static void upgrade(struct link *l, const char *request)
{
    char joined[128], accept[64], answer[256];
    unsigned char digest[SHA_DIGEST_LENGTH];
    const char *key = strcasestr(request, "Sec-WebSocket-Key: ");
    if (!key)
        return link_end(l);
    snprintf(joined, sizeof joined, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    SHA1((unsigned char *)joined, strlen(joined), digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
    snprintf(answer, sizeof answer,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    put(l, answer, strlen(answer));
    link_live(l);
}

static void api(struct link *l, const char *request)
{
    char body[256], answer[512];
    if (strstr(request, "apps.connections.open"))
        snprintf(body, sizeof body, "{\"ok\":true,\"url\":\"ws://127.0.0.1:%d/link\"}", port);
    else
        snprintf(body, sizeof body, "{\"ok\":true,\"url\":\"https://bench.example.com/\",\"team\":\"bench\",\"user\":\"bench\",\"team_id\":\"T0BENCH\","
                                    "\"user_id\":\"U0BOT\",\"bot_id\":\"B0BENCH\"}");
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    put(l, answer, strlen(answer));
}

/* Each returns how many bytes it has used; 0: more must come first. */
static size_t read_request(struct link *l)
{
    l->in[l->n_in] = '\0';
    const char *end = strstr(l->in, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = strcasestr(l->in, "Content-Length: ");
    size_t head = (size_t)(end - l->in) + 4, whole = head + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    if (l->n_in < whole)
        return 0;
    if (strncmp(l->in, "GET /link", 9) == 0)
        upgrade(l, l->in);
    else
        api(l, l->in);
    return whole;
}

static size_t read_frame(struct link *l, size_t at)
{
    unsigned char *p = (unsigned char *)l->in + at;
    size_t left = l->n_in - at;
    if (left < 8)
        return 0; /* a masked frame of any use is longer, but for an empty one */
    size_t n = p[1] & 127, head = 6;
    if (n == 126) {
        n = (size_t)p[2] << 8 | p[3];
        head = 8;
    }
    if (left < head + n)
        return 0;
    for (size_t i = 0; i < n; i++)
        p[head + i] ^= p[head - 4 + (i & 3)];
    char *payload = (char *)p + head;
    switch (p[0] & 15) {
    case 1: on_ack(l, payload, n); break;
    case 8:
        put_frame(l, 8, payload, n);
        flush_out(l);
        link_end(l);
        return 0;
    case 9: put_frame(l, 10, payload, n); break;
    default: break;
    }
    return head + n;
}

static void read_all(struct link *l)
{
    size_t at = 0;
    for (;;) {
        size_t n = l->live ? read_frame(l, at) : at == 0 ? read_request(l) : 0;
        if (!n || !l->fd)
            break;
        at += n;
    }
    memmove(l->in, l->in + at, l->n_in - at);
    l->n_in -= at;
}

static void on_readable(struct link *l)
{
    ssize_t n = l->deaf ? -1 : recv(l->fd, l->in + l->n_in, IN_MOST - 1 - l->n_in, 0);
    if (l->deaf) {
        epoll_ctl(poller, EPOLL_CTL_DEL, l->fd, NULL); /* what it says is not heard any more, not even that it ends */
    } else if (n == 0 || (n < 0 && errno != EAGAIN)) {
        link_end(l);
    } else if (n > 0) {
        l->n_in += (size_t)n;
        read_all(l);
    }
}

static void on_caller(int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct link *l = NULL;
    for (int i = 0; i < LINKS && !l; i++)
        l = links[i].fd ? NULL : &links[i];
    if (fd < 0 || !l)
        exit((fprintf(stderr, "load: too many connections\n"), 1));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *l = (struct link){.fd = fd};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int listen_on(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64))
        die("load: listen");
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    return fd;
}

static void on_term(int sig)
{
    (void)sig;
    told_to_end = 1;
}

/* What time brings: the next fault, the end. */
static void look_at_time(int64_t started)
{
    int64_t now = clock_us();
    unsigned open = 0;
    for (int i = 0; i < LINKS; i++)
        open += links[i].fd ? links[i].unacked : 0;
    if (told_to_end || (measure_us && began_us && now > began_us + measure_us && (!open || now > began_us + measure_us + DRAIN_US))) {
        lost += told_to_end ? 0 : open;
        report();
    }
    if (!began_us && now - started > PATIENCE_US)
        exit((fprintf(stderr, "load: no client came\n"), 1));
    struct link *l = target();
    if (fault && began_us && now > fault_us && measuring() && l && !l->retiring && !l->deaf) {
        fault_us += 1000000;
        fault_now(l);
    }
}

int main(int argc, char **argv)
{
    static const char *const words[] = {"", "refresh", "cut", "silent"};
    if (argc < 4)
        return 2;
    port = (int)strtol(argv[1], NULL, 10);
    in_flight = (unsigned)strtoul(argv[2], NULL, 10);
    measure_us = strtol(argv[3], NULL, 10) * 1000000;
    for (int i = 1; i < 4 && argc > 4; i++)
        if (strcmp(argv[4], words[i]) == 0)
            fault = (enum fault)i;
    text = getenv("COMMAND_TEXT") ? getenv("COMMAND_TEXT") : "note northwind pays on friday";
    user = getenv("COMMAND_USER") ? getenv("COMMAND_USER") : "U0BENCH";
    struct sigaction end = {.sa_handler = on_term};
    sigaction(SIGTERM, &end, NULL);
    int listener = listen_on();
    int64_t started = clock_us();
    epoch = (uint64_t)time(NULL) * 1000000;
    for (;;) {
        struct epoll_event events[LINKS + 1];
        int n = epoll_wait(poller, events, LINKS + 1, 20);
        look_at_time(started); /* before reading: a fault strikes while commands are out */
        for (int i = 0; i < n; i++) {
            struct link *l = events[i].data.ptr;
            if (!l)
                on_caller(listener);
            else if (l->fd && events[i].events & EPOLLOUT)
                watch(l, EPOLLIN);
            if (l && l->fd && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_readable(l);
        }
        fill();
    }
}
