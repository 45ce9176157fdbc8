/* Whether the certificates to trust can be read.
 *
 * curl and libwebsockets open this file when the first connection is made, and then only say that TLS failed: a key, a certificate
 * in binary form or an empty file would be found out about by the first payment that nobody hears of. So it is loaded once with the same
 * function of the same library while the configuration is read, and thrown away. A pipe or a device is refused unread: reading it
 * could last for ever, and a second reader would find nothing in it. */
#include "bot/ca_file.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WANTED "write the path of a PEM file, which has lines -----BEGIN CERTIFICATE-----"

static int check_readable(const char *path, struct err *e)
{
    struct stat is;
    if (stat(path, &is) != 0 || access(path, R_OK) != 0)
        return err_set(e, ERR_NOT_FOUND, "cannot read %s: %s; %s", path, strerrordesc_np(errno),
                       errno == EACCES ? "the user that Dunwell runs as must be allowed to read it" : WANTED);
    if (!S_ISREG(is.st_mode))
        return err_set(e, ERR_INVALID, "%s is %s; " WANTED, path, S_ISDIR(is.st_mode) ? "a folder" : "no file");
    return 0;
}

int ca_file_check(const char *path, struct err *e)
{
    int rc = check_readable(path, e);
    if (rc != 0)
        return rc;
    X509_STORE *store = X509_STORE_new();
    bool good = store != NULL && X509_STORE_load_file(store, path) == 1;
    X509_STORE_free(store);
    ERR_clear_error(); /* of this thread: curl looks there too */
    return good ? 0 : err_set(e, ERR_INVALID, "no certificate can be read from %s; " WANTED, path);
}
