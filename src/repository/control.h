/* begin, failed and delete: the other control objects' payloads, as data. Pure. Parsing as
 * record.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct ControlTag {
        char *sid;
        uint64_t dbid;
        char *tag;
} ControlTag;

typedef struct Claim {
        bool take_over;
        char *id, *instance, *hostname, *name, *description, *parent_id; /* parent_id NULL: none */
        uint64_t sequence, created_usec;
        unsigned level;
        StringList databases;
} Claim;
void claim_done(Claim *claim);
int claim_print(const Claim *claim, char **ret, size_t *ret_size, Error *err);
int claim_parse(const char *payload, size_t size, const char *what, Claim *ret, Error *err);

typedef struct Failed {
        char *id, *instance, *hostname;
        uint64_t sequence, created_usec;
        ErrorKind error;
        char *error_message;
        StringList attempts;
        ControlTag *tags;
        size_t n_tags;
} Failed;
void failed_done(Failed *failed);
int failed_print(const Failed *failed, char **ret, size_t *ret_size, Error *err);
int failed_parse(const char *payload, size_t size, const char *what, Failed *ret, Error *err);

typedef struct Deletion {
        char *id, *instance, *hostname;
        uint64_t sequence, created_usec;
        StringList attempts, names;
        ControlTag *tags;
        size_t n_tags;
} Deletion;
void deletion_done(Deletion *deletion);
int deletion_print(const Deletion *deletion, char **ret, size_t *ret_size, Error *err);
int deletion_parse(const char *payload, size_t size, const char *what, Deletion *ret, Error *err);
