/* See swift-catalog.h. Used by swift-auth.c. */
#include "store/swift-catalog.h"

#include <errno.h>
#include <string.h>

static const char *string_of(const Json *object, const char *key) {
        const char *value = NULL;
        return json_is_object(object) && json_get_string(object, key, &value, NULL) == 0 ? value
                                                                                         : "";
}

/* A catalog of "internalURL" was that of the API before v3; people still write it so. */
static bool is_interface(const char *asked, const char *found) {
        size_t length = strlen(found);
        if (asked[0] == '\0')
                return true;
        return length > 0 && string_starts_with(asked, found) &&
               (asked[length] == '\0' || string_equal(asked + length, "URL"));
}

static bool is_region(const char *asked, const Json *endpoint) {
        return asked[0] == '\0' || string_equal(asked, string_of(endpoint, "region")) ||
               string_equal(asked, string_of(endpoint, "region_id"));
}

typedef struct Search {
        const SwiftAuth *auth;
        const char *url; /* the first that fits */
        bool has_store;
        Text others; /* what there is instead, for a person */
} Search;

static void look_at(Search *search, const Json *endpoint) {
        const char *interface = string_of(endpoint, "interface"), *url = string_of(endpoint, "url");
        text_appendf(
                &search->others,
                "%sregion %s interface %s",
                search->others.length > 0 ? ", " : "",
                string_of(endpoint, "region"),
                interface);
        if (search->url == NULL && url[0] != '\0' &&
            is_region(search->auth->region_name, endpoint) &&
            is_interface(search->auth->interface, interface))
                search->url = url;
}

static void look_through(Search *search, const Json *catalog) {
        for (size_t i = 0; i < json_length(catalog); i++) {
                const Json *service = json_at(catalog, i), *endpoints = NULL;
                if (!string_equal(string_of(service, "type"), "object-store") ||
                    json_get_array(service, "endpoints", &endpoints, NULL) < 0)
                        continue;
                search->has_store = true;
                for (size_t k = 0; k < json_length(endpoints); k++)
                        look_at(search, json_at(endpoints, k));
        }
}

static int not_found(const Search *search, Error *err) {
        const SwiftAuth *auth = search->auth;
        if (!search->has_store)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -ENOENT,
                        "Keystone at %s knows no object store (service type object-store) for this "
                        "project",
                        auth->url);
        return error_set(
                err,
                ERROR_CONFIG,
                -ENOENT,
                "[swift] region_name and interface: Keystone at %s has no object store in region "
                "'%s' at interface '%s'; there is: %.300s",
                auth->url,
                auth->region_name[0] != '\0' ? auth->region_name : "(any)",
                auth->interface,
                search->others.length > 0 ? text_get(&search->others) : "no endpoint at all");
}

int swift_catalog_find(const SwiftAuth *auth, const Json *token, const char **ret_url, Error *err) {
        Search search = {.auth = auth};
        const Json *catalog = NULL;
        if (json_is_null(token, "catalog") ||
            json_get_array(token, "catalog", &catalog, NULL) < 0 || json_length(catalog) == 0)
                return error_set(
                        err,
                        ERROR_STORE_AUTH,
                        -EACCES,
                        "Keystone at %s gave a token without a catalog: '%s' has no scope there; "
                        "give project_name (and project_domain_name), or a role in the project",
                        auth->url,
                        auth->application_credential_id[0] != '\0' ? auth->application_credential_id
                                                                   : auth->username);
        look_through(&search, catalog);
        int r = 0;
        if (search.url != NULL)
                *ret_url = search.url;
        else
                r = search.others.failed ? error_oom(err) : not_found(&search, err);
        text_done(&search.others);
        return r;
}
