/* May a backup be deleted, and with which others, in which order? Plain decisions on what was
 * found; looks at the jobs in memory, waits for nothing. */
#pragma once

#include "job/delete.h"
#include "job/family.h"

typedef struct DeletePlan {
        FamilyMember *members; /* the youngest first; the last is the one that was asked for */
        size_t n;
} DeletePlan;
void delete_plan_done(DeletePlan *plan);

/* NoSuchBackup, NotOwner (of another instance), Busy (a job needs one of them, or makes one),
 * Untrusted, Signature, HasChildren. */
int delete_plan_make(
        const Service *service,
        const DeleteRequest *request,
        const FamilyFound *found,
        DeletePlan *ret,
        Error *err);

/* What delete.json of a backup says, from the object that knows most of it. */
typedef struct DeleteSource {
        ObjectType type; /* OBJECT_DELETE, _RECORD, _FAILED or _CLAIM */
        char *name;      /* owned */
} DeleteSource;
int delete_source_find(
        const FamilyMember *member, const char *instance, DeleteSource *ret, Error *err);
/* The envelope to send, from the source's object: of OBJECT_DELETE itself, else a new one. Caller
 * frees. */
int delete_envelope_make(
        const Service *service,
        const DeleteSource *source,
        const StoreReply *object,
        char **ret,
        size_t *ret_size,
        Error *err);
