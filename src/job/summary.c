/* Reads control objects into summaries. Used by the List and Get methods (job/query.c). */
#include "job/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "repository/control.h"
#include "repository/record.h"

static const char *const envelope_kinds[] = {
        [OBJECT_CLAIM] = "begin",
        [OBJECT_RECORD] = "record",
        [OBJECT_FAILED] = "failed",
        [OBJECT_DELETE] = "delete",
};

static void copy_id(char *ret, size_t size, const char *id) {
        snprintf(ret, size, "%s", id == NULL ? "" : id);
}

static char *copy_text(const char *text) {
        return strdup(text == NULL ? "" : text);
}

static int read_record(Summary *summary, const Envelope *envelope, const char *what) {
        Record record = {0};
        int r = record_parse(envelope->payload, envelope->payload_size, what, &record, NULL);
        if (r < 0)
                return r;
        copy_id(summary->id, sizeof(summary->id), record.id);
        copy_id(summary->instance, sizeof(summary->instance), record.instance);
        copy_id(summary->parent_id, sizeof(summary->parent_id), record.parent_id);
        copy_id(summary->etag, sizeof(summary->etag), record.volume.etag);
        summary->level = record.level;
        summary->sequence = record.sequence;
        summary->created_usec = record.created_usec;
        summary->size = record.volume.size;
        summary->name = copy_text(record.name);
        summary->description = copy_text(record.description);
        summary->hostname = copy_text(record.hostname);
        record_done(&record);
        return 0;
}

static int read_claim(Summary *summary, const Envelope *envelope, const char *what) {
        Claim claim = {0};
        int r = claim_parse(envelope->payload, envelope->payload_size, what, &claim, NULL);
        if (r < 0)
                return r;
        copy_id(summary->id, sizeof(summary->id), claim.id);
        copy_id(summary->instance, sizeof(summary->instance), claim.instance);
        copy_id(summary->parent_id, sizeof(summary->parent_id), claim.parent_id);
        summary->take_over = claim.take_over;
        summary->level = claim.level;
        summary->sequence = claim.sequence;
        summary->created_usec = claim.created_usec;
        summary->name = copy_text(claim.name);
        summary->description = copy_text(claim.description);
        summary->hostname = copy_text(claim.hostname);
        claim_done(&claim);
        return 0;
}

static int read_failed(Summary *summary, const Envelope *envelope, const char *what) {
        Failed failed = {0};
        int r = failed_parse(envelope->payload, envelope->payload_size, what, &failed, NULL);
        if (r < 0)
                return r;
        copy_id(summary->id, sizeof(summary->id), failed.id);
        copy_id(summary->instance, sizeof(summary->instance), failed.instance);
        summary->sequence = failed.sequence;
        summary->created_usec = failed.created_usec;
        summary->hostname = copy_text(failed.hostname);
        summary->error = failed.error;
        summary->error_message = copy_text(failed.error_message);
        failed_done(&failed);
        return 0;
}

static int read_deletion(Summary *summary, const Envelope *envelope, const char *what) {
        Deletion deletion = {0};
        int r = deletion_parse(envelope->payload, envelope->payload_size, what, &deletion, NULL);
        if (r < 0)
                return r;
        copy_id(summary->id, sizeof(summary->id), deletion.id);
        copy_id(summary->instance, sizeof(summary->instance), deletion.instance);
        summary->sequence = deletion.sequence;
        summary->created_usec = deletion.created_usec;
        summary->hostname = copy_text(deletion.hostname);
        deletion_done(&deletion);
        return 0;
}

typedef int (*Reader)(Summary *summary, const Envelope *envelope, const char *what);
static const Reader readers[] = {
        [OBJECT_CLAIM] = read_claim,
        [OBJECT_RECORD] = read_record,
        [OBJECT_FAILED] = read_failed,
        [OBJECT_DELETE] = read_deletion,
};

/* A signed object copied to another name is none of that name. */
static bool is_of_name(const Summary *summary, const ObjectName *name) {
        if (!string_equal(summary->instance, name->instance))
                return false;
        if (name->type == OBJECT_CLAIM)
                return summary->sequence == name->sequence;
        return string_equal(summary->id, name->backup_id);
}

static int fill_texts(Summary *summary) {
        char **texts[] = {
                &summary->name,
                &summary->description,
                &summary->hostname,
                &summary->error_message,
        };
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                if (*texts[i] == NULL)
                        *texts[i] = strdup("");
                if (*texts[i] == NULL)
                        return -1;
        }
        return 0;
}

static void read_envelope(
        Summary *summary,
        const ObjectName *name,
        const char *what,
        const char *bytes,
        size_t size) {
        Envelope envelope = {0};
        if (envelope_open(bytes, size, envelope_kinds[name->type], what, &envelope, NULL) < 0)
                return;
        summary->signature_present = envelope.signature_present;
        summary->signature_valid = envelope.signature_valid;
        copy_id(summary->signer, sizeof(summary->signer), envelope.signer);
        summary->readable =
                readers[name->type](summary, &envelope, what) >= 0 && is_of_name(summary, name);
        envelope_done(&envelope);
}

Summary *summary_read(const char *object_name_text, const void *bytes, size_t size) {
        ObjectName name;
        object_name_parse(object_name_text, &name);
        CLEANUP(cleanup_summary) Summary *summary = calloc(1, sizeof(*summary));
        if (summary == NULL)
                return NULL;
        summary->type = name.type;
        if (name.type < ELEMENTSOF(readers) && readers[name.type] != NULL)
                read_envelope(summary, &name, object_name_text, bytes, size);
        return fill_texts(summary) < 0 ? NULL : TAKE_PTR(summary);
}

Summary *summary_copy(const Summary *summary) {
        CLEANUP(cleanup_summary) Summary *copy = malloc(sizeof(*copy));
        if (copy == NULL)
                return NULL;
        *copy = *summary;
        copy->name = strdup(summary->name);
        copy->description = strdup(summary->description);
        copy->hostname = strdup(summary->hostname);
        copy->error_message = strdup(summary->error_message);
        if (copy->name == NULL || copy->description == NULL || copy->hostname == NULL ||
            copy->error_message == NULL)
                return NULL;
        return TAKE_PTR(copy);
}

Summary *summary_free(Summary *summary) {
        if (summary == NULL)
                return NULL;
        free(summary->name);
        free(summary->description);
        free(summary->hostname);
        free(summary->error_message);
        free(summary);
        return NULL;
}

Trust summary_trust(const Summary *summary, const TrustedKeys *keys) {
        if (!summary->readable)
                return TRUST_INVALID;
        Envelope envelope = {
                .signature_present = summary->signature_present,
                .signature_valid = summary->signature_valid,
        };
        copy_id(envelope.signer, sizeof(envelope.signer), summary->signer);
        return envelope_trust(&envelope, keys, summary->instance);
}
