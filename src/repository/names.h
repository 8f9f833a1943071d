/* Names of objects in the store (contract: "Objects in the store"). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/strings.h"

typedef enum ObjectType {
        OBJECT_UNKNOWN,
        OBJECT_CLAIM,    /* <instance>/begin/<%010u>.json */
        OBJECT_TAR,      /* <instance>/<id>/backup.tar.age */
        OBJECT_SEGMENTS, /* <instance>/<id>/segments */
        OBJECT_RECORD,   /* <instance>/<id>/backup.json */
        OBJECT_FAILED,   /* <instance>/<id>/failed.json */
        OBJECT_DELETE,   /* <instance>/<id>/delete.json */
} ObjectType;

typedef struct ObjectName {
        ObjectType type;
        char instance[65];
        char backup_id[37]; /* "" for a claim */
        uint64_t sequence;  /* of a claim */
} ObjectName;

/* Names that are not of this scheme give OBJECT_UNKNOWN. */
void object_name_parse(const char *name, ObjectName *ret);
/* Caller frees; NULL: no memory. */
char *object_name_claim(const char *instance, uint64_t sequence);
char *object_name(const char *instance, const char *backup_id, ObjectType type);
char *object_prefix(
        const char *instance,
        const char *backup_id); /* backup_id NULL: the instance's; ends with '/' */
