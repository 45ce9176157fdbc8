/* The list of drivers that are built in. Adding a system is one file, one row here and one folder of scenario files.
 *
 * Drivers are constant data, linked in and known at start: there is no plug-in loading, so what `dunwell drivers` prints is
 * what was tested. A name is unique within its kind only. */
#include "adapters/adapter.h"

const struct driver *const drivers_all[] = {
    &slack_driver, &matrix_driver, &console_driver, &stripe_driver, &zuora_driver, &chargebee_driver, &recurly_driver, &killbill_driver, &sandbox_driver, &smtp_driver, NULL,
};

const struct driver *driver_find(enum driver_kind kind, const char *name)
{
    for (const struct driver *const *d = drivers_all; *d; d++)
        if ((*d)->kind == kind && str_eq((*d)->name, name))
            return *d;
    return NULL;
}
