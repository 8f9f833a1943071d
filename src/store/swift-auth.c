/* Questions to and answers of Swift's v1 authentication and Keystone's v3. Used by swift-token.c
 * only. */
#include "store/swift-auth.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "store/swift-answer.h"
#include "store/swift-catalog.h"

/* --- who we are --- */

static int copy(const char *from, char **ret) {
        *ret = strdup(from != NULL ? from : "");
        return *ret != NULL ? 0 : -ENOMEM;
}

/* A file of one line often ends with its newline; a header could not carry one. */
static char *bare_secret(const char *secret) {
        size_t length = strlen(secret);
        while (length > 0 && strchr("\r\n", secret[length - 1]) != NULL)
                length--;
        return strndup(secret, length);
}

static int check_bare(const char *secret, Error *err) {
        if (secret[0] != '\0' && text_is_printable(secret))
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "The credential of the Swift store is empty, or holds control characters or bytes "
                "that are no UTF-8");
}

static void secret_free(char *secret) {
        if (secret != NULL)
                wipe(secret, strlen(secret));
        free(secret);
}

int swift_secret_check(const char *secret, Error *err) {
        char *bare = bare_secret(secret);
        int r = bare == NULL ? error_oom(err) : check_bare(bare, err);
        secret_free(bare);
        return r;
}

static int copy_secret(SwiftAuth *auth, const SwiftOptions *options, Error *err) {
        auth->secret = bare_secret(options->secret);
        return auth->secret == NULL ? error_oom(err) : check_bare(auth->secret, err);
}

int swift_auth_init(SwiftAuth *auth, const SwiftOptions *options, Error *err) {
        *auth = (SwiftAuth){.version = options->auth_version};
        if (options->secret_error != NULL)
                auth->secret_error = *options->secret_error;
        int r = copy(options->auth_url, &auth->url);
        if (r == 0)
                r = copy(options->username, &auth->username);
        if (r == 0)
                r = copy(options->application_credential_id, &auth->application_credential_id);
        if (r == 0)
                r = copy(options->project_name, &auth->project_name);
        if (r == 0)
                r = copy(options->project_domain_name, &auth->project_domain_name);
        if (r == 0)
                r = copy(options->user_domain_name, &auth->user_domain_name);
        if (r == 0)
                r = copy(options->region_name, &auth->region_name);
        if (r == 0)
                r = copy(options->interface, &auth->interface);
        if (r < 0)
                r = error_oom(err);
        else if (options->secret != NULL)
                r = copy_secret(auth, options, err);
        if (r < 0)
                swift_auth_done(auth);
        return r;
}

void swift_auth_done(SwiftAuth *auth) {
        secret_free(auth->secret);
        free(auth->url);
        free(auth->username);
        free(auth->application_credential_id);
        free(auth->project_name);
        free(auth->project_domain_name);
        free(auth->user_domain_name);
        free(auth->region_name);
        free(auth->interface);
        *auth = (SwiftAuth){0};
}

bool swift_auth_equal(const SwiftAuth *a, const SwiftAuth *b) {
        return a->version == b->version && string_equal(a->url, b->url) &&
               string_equal(a->username, b->username) &&
               string_equal(a->application_credential_id, b->application_credential_id) &&
               string_equal(a->project_name, b->project_name) &&
               string_equal(a->project_domain_name, b->project_domain_name) &&
               string_equal(a->user_domain_name, b->user_domain_name) &&
               string_equal(a->region_name, b->region_name) &&
               string_equal(a->interface, b->interface) && string_equal(a->secret, b->secret);
}

/* --- the question --- */

/* By hand: base/json keeps copies that nobody wipes. */
static void append_json(Text *text, const char *string) {
        text_append(text, "\"");
        for (const char *p = string; *p != '\0'; p++) {
                if (*p == '"' || *p == '\\')
                        text_append_bytes(text, "\\", 1);
                text_append_bytes(text, p, 1);
        }
        text_append(text, "\"");
}

static void append_domain(Text *text, const char *name) {
        if (name[0] == '\0') {
                text_append(text, "\"domain\":{\"id\":\"default\"}");
                return;
        }
        text_append(text, "\"domain\":{\"name\":");
        append_json(text, name);
        text_append(text, "}");
}

static void append_password(Text *body, const SwiftAuth *auth) {
        text_append(
                body,
                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{");
        append_domain(body, auth->user_domain_name);
        text_append(body, ",\"name\":");
        append_json(body, auth->username);
        text_append(body, ",\"password\":");
        append_json(body, auth->secret);
        text_append(body, "}}},\"scope\":{\"project\":{");
        append_domain(body, auth->project_domain_name);
        text_append(body, ",\"name\":");
        append_json(body, auth->project_name);
        text_append(body, "}}}}");
}

/* Its scope is its own. */
static void append_application_credential(Text *body, const SwiftAuth *auth) {
        text_append(
                body,
                "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],"
                "\"application_credential\":{\"id\":");
        append_json(body, auth->application_credential_id);
        text_append(body, ",\"secret\":");
        append_json(body, auth->secret);
        text_append(body, "}}}}");
}

static char *keystone_url(const SwiftAuth *auth) {
        size_t length = strlen(auth->url);
        while (length > 0 && auth->url[length - 1] == '/')
                length--;
        bool has_version = length >= 3 && memcmp(auth->url + length - 3, "/v3", 3) == 0;
        return string_printf(
                "%.*s%s/auth/tokens", (int)length, auth->url, has_version ? "" : "/v3");
}

static void ask_keystone(const SwiftAuth *auth, SwiftAuthQuestion *question) {
        question->method = "POST";
        question->url = keystone_url(auth);
        text_append(&question->headers[0], "Content-Type: application/json");
        text_append(&question->headers[1], "Accept: application/json");
        /* Some servers of Keystone know no 100, and each token would come a second late. */
        text_append(&question->headers[2], "Expect:");
        question->n_headers = 3;
        if (auth->application_credential_id[0] != '\0')
                append_application_credential(&question->body, auth);
        else
                append_password(&question->body, auth);
}

static void ask_swift(const SwiftAuth *auth, SwiftAuthQuestion *question) {
        question->method = "GET";
        question->url = strdup(auth->url);
        text_appendf(&question->headers[0], "X-Auth-User: %s", auth->username);
        text_appendf(&question->headers[1], "X-Auth-Key: %s", auth->secret);
        question->n_headers = 2;
}

int swift_auth_ask(const SwiftAuth *auth, SwiftAuthQuestion *ret, Error *err) {
        SwiftAuthQuestion question = {0};
        if (auth->secret == NULL) {
                if (err != NULL)
                        *err = auth->secret_error;
                return auth->secret_error.r < 0 ? auth->secret_error.r : -ENOENT;
        }
        if (auth->version == 1)
                ask_swift(auth, &question);
        else
                ask_keystone(auth, &question);
        bool failed = question.url == NULL || question.body.failed;
        for (size_t i = 0; i < question.n_headers; i++)
                failed = failed || question.headers[i].failed;
        if (failed) {
                swift_auth_question_done(&question);
                return error_oom(err);
        }
        *ret = question;
        return 0;
}

void swift_auth_question_done(SwiftAuthQuestion *question) {
        for (size_t i = 0; i < SWIFT_AUTH_HEADERS; i++)
                text_wipe(&question->headers[i]);
        text_wipe(&question->body);
        free(question->url);
        *question = (SwiftAuthQuestion){0};
}

/* --- the answer --- */

void swift_grant_done(SwiftGrant *grant) {
        if (grant->token != NULL)
                wipe(grant->token, strlen(grant->token));
        free(grant->token);
        free(grant->url);
        *grant = (SwiftGrant){0};
}

static const char *who(const SwiftAuth *auth) {
        return auth->application_credential_id[0] != '\0' ? auth->application_credential_id
                                                          : auth->username;
}

static int refused(const SwiftAuth *auth, int status, Error *err) {
        const char *service = auth->version == 1 ? "Swift" : "Keystone";
        int r;
        if (swift_may_pass(status))
                r = error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        -EAGAIN,
                        "Authentication at %s: %s answered %d",
                        auth->url,
                        service,
                        status);
        else if (status == 401 || status == 403)
                r = error_set(
                        err,
                        ERROR_STORE_AUTH,
                        -EACCES,
                        "%s at %s refuses '%s'%s%s%s (status %d): user, project, domains or the "
                        "secret are wrong",
                        service,
                        auth->url,
                        who(auth),
                        auth->project_name[0] != '\0' ? " of project '" : "",
                        auth->project_name,
                        auth->project_name[0] != '\0' ? "'" : "",
                        status);
        else
                r = error_set(
                        err,
                        ERROR_CONFIG,
                        -EPROTO,
                        "[swift] auth_url: %s answered %d where %s authentication version %u was "
                        "expected",
                        auth->url,
                        status,
                        service,
                        auth->version);
        if (err != NULL)
                err->http_status = status;
        return r;
}

/* The address as others append to it. */
static int
take_grant(const SwiftAuth *auth, const char *token, const char *url, SwiftGrant *ret, Error *err) {
        size_t length = strlen(url);
        while (length > 0 && url[length - 1] == '/')
                length--;
        if (!string_starts_with(url, "http://") && !string_starts_with(url, "https://"))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EPROTO,
                        "Authentication at %s gave an address of the store that is no HTTP one",
                        auth->url);
        ret->token = strdup(token);
        ret->url = strndup(url, length);
        if (ret->token == NULL || ret->url == NULL) {
                swift_grant_done(ret);
                return error_oom(err);
        }
        return 0;
}

static int
judge_swift(const SwiftAuth *auth, const SwiftAuthAnswer *answer, SwiftGrant *ret, Error *err) {
        if (answer->status != 200 && answer->status != 204)
                return refused(auth, answer->status, err);
        if (answer->token == NULL || answer->storage_url == NULL)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EPROTO,
                        "[swift] auth_url: %s answers without X-Auth-Token and X-Storage-Url: it "
                        "is no version 1 authentication",
                        auth->url);
        return take_grant(auth, answer->token, answer->storage_url, ret, err);
}

/* From Keystone's own two times: our clock may be wrong. */
static uint64_t life_of(const Json *token) {
        uint64_t issued = 0, expires = 0;
        const char *text = NULL;
        if (json_get_string(token, "expires_at", &text, NULL) < 0 ||
            parse_time(text, &expires) < 0 ||
            json_get_string(token, "issued_at", &text, NULL) < 0 || parse_time(text, &issued) < 0)
                return 0;
        return expires > issued ? (expires - issued) / 1000 : 1;
}

static int
judge_keystone(const SwiftAuth *auth, const SwiftAuthAnswer *answer, SwiftGrant *ret, Error *err) {
        CLEANUP(cleanup_json) Json *json = NULL;
        const Json *token = NULL;
        const char *url = NULL;
        if (answer->status != 200 && answer->status != 201)
                return refused(auth, answer->status, err);
        if (answer->token == NULL)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EPROTO,
                        "[swift] auth_url: %s answers without X-Subject-Token: it is no Keystone "
                        "v3",
                        auth->url);
        int r = json_parse(
                answer->body != NULL ? answer->body : "",
                answer->body_size,
                &(JsonDocument){"the answer of Keystone", LIMIT_ANSWER_BYTES, ERROR_CONFIG},
                &json,
                err);
        if (r == 0)
                r = json_get_object(json, "token", &token, err);
        if (r == 0)
                r = swift_catalog_find(auth, token, &url, err);
        if (r == 0)
                r = take_grant(auth, answer->token, url, ret, err);
        if (r < 0)
                return r;
        ret->life_msec = life_of(token);
        return 0;
}

int swift_auth_judge(
        const SwiftAuth *auth, const SwiftAuthAnswer *answer, SwiftGrant *ret, Error *err) {
        *ret = (SwiftGrant){0};
        return auth->version == 1 ? judge_swift(auth, answer, ret, err)
                                  : judge_keystone(auth, answer, ret, err);
}
