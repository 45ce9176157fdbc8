/* Writes signed webhooks, ready to be sent: requests FILE COUNT [CUSTOMERS]. Prints the length of one, for all are as long.
 *
 * Each is a failed payment of 1500 bytes with an id of its own. Ids begin with the time, as the sender's do, and the rest is
 * scattered. The signature is of this moment, so a receiver takes them for five minutes. The secret is the environment's
 * STRIPE_WEBHOOK_SECRET. */
#include <openssl/hmac.h>

#include "measure.h"

enum { BODY = 1500, HEAD_MOST = 512, EVENTS_A_SECOND = 2000 };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void id_make(char out[29], uint64_t n)
{
    uint64_t time = 70000000 + n / EVENTS_A_SECOND, rest = scatter(n);
    memcpy(out, "evt_1", 5);
    for (int i = 9; i >= 5; i--, time /= 62)
        out[i] = digits[time % 62];
    for (int i = 10; i < 28; i++, rest = scatter(rest))
        out[i] = digits[rest % 62];
    out[28] = '\0';
}

static void body_make(char out[BODY + 1], uint64_t n, long created, unsigned long customers)
{
    char id[29];
    id_make(id, n);
    int used = snprintf(out, BODY + 1,
                        "{\"id\": \"%s\", \"object\": \"event\", \"api_version\": \"2026-01-28\", \"created\": %ld, \"livemode\": false,\n"
                        "  \"type\": \"invoice.payment_failed\", \"pending_webhooks\": 1,\n"
                        "  \"data\": {\"object\": {\"id\": \"in_%012lx\", \"object\": \"invoice\", \"customer\": \"cus_bench%06lu\",\n"
                        "    \"amount_due\": %lu, \"amount_paid\": 0, \"amount_remaining\": %lu, \"attempt_count\": 2, \"attempted\": true,\n"
                        "    \"billing_reason\": \"subscription_cycle\", \"collection_method\": \"charge_automatically\",\n"
                        "    \"currency\": \"usd\", \"customer_email\": \"billing@example.com\", \"status\": \"open\",\n"
                        "    \"lines\": {\"object\": \"list\", \"data\": [{\"id\": \"il_1\", \"amount\": 1999, \"quantity\": 1,\n"
                        "      \"description\": \"1 \\u00d7 Team (at $19.99 / month)\"}], \"has_more\": false},\n"
                        "    \"metadata\": {\"region\": \"eu\"}, \"memo\": \"",
                        id, created, (unsigned long)(n % customers), (unsigned long)(n % customers), 1000 + n % 9000, 1000 + n % 9000);
    static const char end[] = "\"}}}";
    memset(out + used, '.', (size_t)(BODY - used));
    memcpy(out + BODY - (sizeof end - 1), end, sizeof end);
}

static int head_make(char out[HEAD_MOST], const char *body, long now, const char *secret)
{
    char signed_text[BODY + 32], hex[65];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int n = snprintf(signed_text, sizeof signed_text, "%ld.%s", now, body);
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)signed_text, (size_t)n, mac, &size);
    for (unsigned i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    return snprintf(out, HEAD_MOST,
                    "POST /hooks/stripe HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Stripe/1.0\r\nContent-Type: application/json\r\n"
                    "Stripe-Signature: t=%ld,v1=%s\r\nContent-Length: %d\r\n\r\n",
                    now, hex, BODY);
}

int main(int argc, char **argv)
{
    const char *secret = getenv("STRIPE_WEBHOOK_SECRET");
    FILE *f = argc > 2 && secret ? fopen(argv[1], "w") : NULL;
    if (!f)
        die("requests FILE COUNT, with STRIPE_WEBHOOK_SECRET");
    uint64_t count = strtoull(argv[2], NULL, 10);
    unsigned long customers = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
    long now = (long)time(NULL);
    int length = 0;
    for (uint64_t n = 0; n < count; n++) {
        char body[BODY + 1], head[HEAD_MOST];
        body_make(body, n, now - 200 + (long)(n / EVENTS_A_SECOND), customers);
        length = head_make(head, body, now, secret);
        if (fwrite(head, 1, (size_t)length, f) != (size_t)length || fwrite(body, 1, BODY, f) != BODY)
            die(argv[1]);
    }
    if (fclose(f))
        die(argv[1]);
    printf("%d\n", length + BODY);
    return 0;
}
