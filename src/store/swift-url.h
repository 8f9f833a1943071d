/* Addresses below an account, and the names of our objects in them. Callers free; NULL: no memory.
 */
#pragma once

#include "base/strings.h"
#include "store/store.h"

/* Percent-encoding of all but unreserved characters and, with keep_slash, '/'. */
void swift_url_append(Text *text, const char *name, bool keep_slash);
/* "<account>/<container>/<object>?<query>"; NULL parts are left out. */
char *swift_url(const char *account, const char *container, const char *object, const char *query);
char *swift_url_info(const char *account); /* "http://host:port/info" */

char *swift_manifest_name(const char *instance, const char *backup_id);     /* backup.tar.age */
char *swift_sub_manifest_name(const StoreAttempt *attempt, uint64_t index); /* .../m00000000 */
