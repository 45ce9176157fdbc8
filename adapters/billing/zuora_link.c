/* Two small operations of Zuora: the link to pay, and the check of the configuration.
 *
 * Zuora has no page of its own where a customer changes the card; its payment link, where the tenant has that feature, takes
 * another card as well. So both purposes get that link, and a tenant without it gets a plain no. The link stands on the
 * invoice's record for queries only.
 *
 * The check asks for one invoice, which shows that token, address and permission are right, and asks Configurable Payment
 * Retry for the cycle of an invoice that does not exist, where only the answer to the password matters. */
#include <string.h>

#include "adapters/billing/zuora.h"

static void link_begin(struct zuora_call *c)
{
    if (!*zuora_arg(c, "invoice"))
        zuora_refuse(c, "a link needs an invoice: Zuora has no page that belongs to an account alone");
}

static void link_send(struct zuora_call *c)
{
    AUTO_STR filter = str_fmt("id.EQ:%s", zuora_arg(c, "invoice"));
    zuora_get(c, "object-query/invoices?pageSize=1&filter%5B%5D=", filter, "");
}

static void link_take(struct zuora_call *c)
{
    char currency[4];
    const json_t *invoice = json_at(c->body, "data.0");
    const char *url = json_str(invoice, "paymentLink", ""), *customer = zuora_arg(c, "customer"), *status = json_str(invoice, "status", "");
    zuora_currency(currency, invoice, "currency");
    if (!str_eq(json_str(invoice, "id", ""), zuora_arg(c, "invoice")))
        zuora_refuse(c, "Zuora does not know invoice %.80s", zuora_arg(c, "invoice"));
    else if (*customer && !str_eq(json_str(invoice, "accountId", ""), customer) && !str_eq(json_str(c->stage, "id", ""), json_str(invoice, "accountId", "")))
        zuora_refuse(c, "invoice %.80s belongs to another customer", zuora_arg(c, "invoice"));
    else if (!str_eq(status, "Posted") || zuora_amount(invoice, "balance", currency) <= 0)
        zuora_refuse(c, "invoice %.80s has nothing left to pay", zuora_arg(c, "invoice"));
    else if (strncmp(url, "https://", 8) != 0)
        zuora_refuse(c, "Zuora has no payment link for invoice %.80s: the feature Payment Link is not on", zuora_arg(c, "invoice"));
    else
        zuora_done(c, json_pack("{s:s}", "url", url));
}

/* The customer may be an account number; invoices name only the id. */
static void owner_send(struct zuora_call *c)
{
    zuora_get(c, "v1/accounts/", zuora_arg(c, "customer"), "");
}

static void owner_take(struct zuora_call *c)
{
    json_put(c->stage, "id", json_str(c->body, "basicInfo.id", ""));
    zuora_go(c, "invoice");
}

static const struct zuora_state link_states[] = {
    {"account", owner_send, owner_take, NULL, NULL},
    {"invoice", link_send, link_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static void check_begin(struct zuora_call *c)
{
    (void)c;
}

static void check_send(struct zuora_call *c)
{
    zuora_get(c, "object-query/invoices?pageSize=1", NULL, "");
}

static void check_finish(struct zuora_call *c)
{
    const char *url = c->config->base_url, *host = strstr(url, "://");
    bool holds = c->config->muted_profile && *c->config->muted_profile;
    host = host ? host + 3 : url;
    AUTO_STR who = str_fmt("a tenant at %.*s%s%s", (int)(strcspn(host, "/") < 80 ? strcspn(host, "/") : 80), host,
                           zuora_has_cpr(c) ? ", with Configurable Payment Retry" : "", holds ? "" : ", without holds (muted_profile is not set)");
    json_t *result = json_object();
    json_put_new(result, "who", json_text_safe(who));
    zuora_done(c, result);
}

static void check_take(struct zuora_call *c)
{
    zuora_go(c, "cpr_check");
    if (!zuora_has_cpr(c))
        check_finish(c);
}

static void cpr_send(struct zuora_call *c)
{
    zuora_cpr(c, "GET", "api/v1/payments/active_invoice_cycle_information/", "dunwell-check", NULL);
}

static bool cpr_trouble(struct zuora_call *c)
{
    if (c->answer->status == 401 || c->answer->status == 403)
        return false;
    check_finish(c);
    return true;
}

static const struct zuora_state check_states[] = {
    {"invoices", check_send, check_take, NULL, NULL},
    {"cpr_check", cpr_send, check_finish, cpr_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_link = {"link", link_begin, link_states, NULL}, zuora_check = {"check", check_begin, check_states, NULL};
