/* Net service names: is an alias defined in a tnsnames.ora? Pure. An alias that is not stops an
 * instance from starting (LOCAL_LISTENER). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strings.h"

typedef enum TnsAnswer {
        TNS_UNDEFINED,
        TNS_DEFINED,
        TNS_UNKNOWN, /* not found, but the file includes others (IFILE) that were not read */
} TnsAnswer;

/* NAMES.DEFAULT_DOMAIN of a sqlnet.ora text: owned by the caller, NULL: none (or no memory). */
char *tns_default_domain(const char *sqlnet, size_t size);

/* alias as in a parameter, any case; a name without a dot is looked up with the domain, too. An
 * address, "(ADDRESS=..", or host:port/service needs no alias: defined. */
TnsAnswer tns_defined(const char *tnsnames, size_t size, const char *alias, const char *domain);
