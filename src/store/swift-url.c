/* See swift-url.h. Used by every part of the driver. */
#include "store/swift-url.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

void swift_url_append(Text *text, const char *name, bool keep_slash) {
        static const char also[] = "-._~";
        for (const char *p = name; *p != '\0'; p++) {
                unsigned char c = (unsigned char)*p;
                if (c < 128 && (isalnum(c) || strchr(also, c) != NULL || (keep_slash && c == '/')))
                        text_append_bytes(text, p, 1);
                else
                        text_appendf(text, "%%%02X", c);
        }
}

char *swift_url(const char *account, const char *container, const char *object, const char *query) {
        Text url = TEXT_INIT;
        text_append(&url, account);
        if (container != NULL) {
                text_append(&url, "/");
                swift_url_append(&url, container, false);
        }
        if (object != NULL) {
                text_append(&url, "/");
                swift_url_append(&url, object, true);
        }
        if (query != NULL)
                text_appendf(&url, "?%s", query);
        return text_take(&url);
}

char *swift_url_info(const char *account) {
        const char *host = strstr(account, "://");
        host = host != NULL ? host + 3 : account;
        size_t length = strcspn(host, "/?#");
        return string_printf("%.*s/info", (int)((size_t)(host - account) + length), account);
}

char *swift_manifest_name(const char *instance, const char *backup_id) {
        return string_printf("%s/%s/backup.tar.age", instance, backup_id);
}

char *swift_sub_manifest_name(const StoreAttempt *attempt, uint64_t index) {
        return string_printf(
                "%s/%s/%s/m%08" PRIu64,
                attempt->instance,
                attempt->backup_id,
                attempt->attempt,
                index);
}
