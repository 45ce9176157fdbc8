/* TLS for the chat's connection, by OpenSSL, over memory. libwebsockets 4.1.6 can do it only for connections whose protocol it
 * speaks itself, and its WebSocket is what frame.c is there to avoid; so it carries bytes, and what they mean is found here.
 *
 * Nothing is said to a peer before its certificate was checked: issuer, date, and host name (or address, where the configuration
 * names one). TLS 1.2 at least. What is trusted is read once for all connections. */
#include "bot/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

struct tls_site {
    SSL_CTX *ctx;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* the SSL's own */
};

static SSL_CTX *context_make(const char *ca_file)
{
    static const unsigned char protocol[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        return NULL;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION); /* so that sending never has to wait for something to come */
    bool read = ca_file ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1 : SSL_CTX_set_default_verify_paths(ctx) == 1;
    if (read && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && SSL_CTX_set_alpn_protos(ctx, protocol, sizeof protocol) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

struct tls_site *tls_site_new(const char *ca_file, struct err *e)
{
    ERR_clear_error();
    SSL_CTX *ctx = context_make(ca_file);
    ERR_clear_error();
    if (!ctx) {
        (void)err_set(e, ERR_IO, "TLS could not be set up; is the CA file right?");
        return NULL;
    }
    struct tls_site *s = mem_alloc(sizeof *s);
    s->ctx = ctx;
    return s;
}

void tls_site_free(struct tls_site *s)
{
    if (!s)
        return;
    SSL_CTX_free(s->ctx);
    free(s);
}

/* An address is looked for among the certificate's addresses, and is no name to ask the server for. */
static bool expect(SSL *ssl, const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    AUTO_STR name = str_dup(host); /* OpenSSL takes void * and copies */
    return SSL_set1_host(ssl, host) == 1 && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
}

struct tls *tls_new(struct tls_site *s, const char *host)
{
    struct tls *t = mem_alloc(sizeof *t);
    t->ssl = SSL_new(s->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out || !expect(t->ssl, host))
        abort(); /* only for want of memory */
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_connect_state(t->ssl);
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t);
}

/* Whatever OpenSSL wants to be sent: a handshake's answer, an alert, sealed bytes. */
static void sealed_take(struct tls *t, struct buf *wire)
{
    char *p = NULL;
    long n = BIO_get_mem_data(t->out, &p);
    if (n > 0)
        buf_add(wire, p, (size_t)n);
    (void)BIO_reset(t->out);
}

/* Is it only that more bytes must come? */
static bool only_waits(struct tls *t, int rc)
{
    int why = SSL_get_error(t->ssl, rc);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static int failed(struct tls *t, struct err *e)
{
    long verdict = SSL_get_verify_result(t->ssl);
    ERR_clear_error();
    if (verdict != X509_V_OK)
        return err_set(e, ERR_DENIED, "the certificate was not accepted (%s); see tls.ca_file", X509_verify_cert_error_string(verdict));
    return err_set(e, ERR_IO, "TLS failed");
}

static int handshake(struct tls *t, struct buf *wire, struct err *e)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    bool fine = rc == 1 || only_waits(t, rc);
    sealed_take(t, wire);
    return fine ? 0 : failed(t, e);
}

int tls_begin(struct tls *t, struct buf *wire, struct err *e)
{
    return handshake(t, wire, e);
}

bool tls_ready(const struct tls *t)
{
    return SSL_is_init_finished(t->ssl) == 1;
}

int tls_receive(struct tls *t, struct span bytes, struct buf *plain, struct buf *wire, bool *ended, struct err *e)
{
    char piece[16 << 10]; /* a record's most */
    int n = 0;
    *ended = false;
    if (bytes.n > INT_MAX || BIO_write(t->in, bytes.p, (int)bytes.n) != (int)bytes.n)
        return err_set(e, ERR_LIMIT, "too much came at once");
    if (!tls_ready(t)) {
        int rc = handshake(t, wire, e);
        if (rc || !tls_ready(t))
            return rc;
    }
    ERR_clear_error();
    while ((n = SSL_read(t->ssl, piece, sizeof piece)) > 0)
        buf_add(plain, piece, (size_t)n);
    *ended = SSL_get_error(t->ssl, n) == SSL_ERROR_ZERO_RETURN;
    bool fine = *ended || only_waits(t, n);
    sealed_take(t, wire); /* a new key, an alert */
    return fine ? 0 : failed(t, e);
}

int tls_send(struct tls *t, struct span plain, struct buf *wire, struct err *e)
{
    ERR_clear_error();
    int n = plain.n ? SSL_write(t->ssl, plain.p, (int)plain.n) : 0;
    sealed_take(t, wire);
    return n == (int)plain.n ? 0 : failed(t, e);
}
