/* See source.h. Owned by job/restore.
 *
 * States: record of the own instance -> (not there: list, and the record of another instance) ->
 * delete.json, which must not be there -> list of segments. */
#include "job/source.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "repository/names.h"
#include "stream/digest.h"

/* A line of the list is at most this long: digest, size, name. */
enum { SEGMENT_LINE_BYTES = 256 };

struct SourceReader {
        SourceOptions options;
        char backup_id[37];
        char instance[65];
        bool has_listed;
        bool is_unfinished; /* the listing shows the backup without a record */
        Source source;
        StoreRequest *request;
};

void source_done(Source *source) {
        record_done(&source->record);
        free(source->segments);
        *source = (Source){0};
}

static void finish(SourceReader *reader, const Error *err) {
        reader->options.on_done(
                err == NULL ? &reader->source : NULL, err, reader->options.userdata);
}

static int
get(SourceReader *reader, ObjectType type, size_t max_size, StoreDone on_done, Error *err) {
        CLEANUP(cleanup_free) char *name = object_name(reader->instance, reader->backup_id, type);

        if (name == NULL)
                return error_oom(err);
        return store_get_object(
                reader->options.service->store,
                name,
                max_size,
                &(StoreCall){on_done, reader, &reader->request},
                err);
}

/* ---- the list of segments ---- */

static int check_total(const SourceReader *reader, Error *err) {
        const Source *source = &reader->source;
        const RecordVolume *volume = &source->record.volume;
        uint64_t total = 0;

        for (size_t i = 0; i < source->n_segments; i++)
                if (__builtin_add_overflow(total, source->segments[i].size, &total))
                        return error_set(
                                err,
                                ERROR_INTEGRITY,
                                -EBADMSG,
                                "backup %s: its segments' sizes overflow",
                                reader->backup_id);
        if (source->n_segments != volume->segment_count || total != volume->size)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "backup %s: %zu segments of %llu bytes are listed where the record says "
                        "%llu of %llu",
                        reader->backup_id,
                        source->n_segments,
                        (unsigned long long)total,
                        (unsigned long long)volume->segment_count,
                        (unsigned long long)volume->size);
        return 0;
}

static int check_list(SourceReader *reader, const StoreReply *reply, Error *err) {
        const RecordVolume *volume = &reader->source.record.volume;
        SegmentsOf of = {reader->instance, reader->backup_id, volume->attempt};
        char sha256[65];

        int r = digest_hex(DIGEST_SHA256, reply->data, reply->size, sha256, err);
        if (r < 0)
                return r;
        if (reply->size != volume->segments_size || !string_equal(sha256, volume->segments_sha256))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "backup %s: the list of segments is not the one the record names",
                        reader->backup_id);
        r = segments_parse(
                &of,
                (const char *)reply->data,
                reply->size,
                &reader->source.segments,
                &reader->source.n_segments,
                err);
        return r < 0 ? r : check_total(reader, err);
}

static void on_list_read(const StoreReply *reply, void *userdata) {
        SourceReader *reader = userdata;
        Error error = {0};
        int r = reply->r;

        reader->request = NULL;
        if (r == -ENOENT)
                r = error_set(
                        &error,
                        ERROR_INTEGRITY,
                        -ENOENT,
                        "backup %s: its list of segments is not in the store",
                        reader->backup_id);
        else if (r < 0)
                error = *reply->err;
        else
                r = check_list(reader, reply, &error);
        finish(reader, r < 0 ? &error : NULL);
}

/* ---- delete.json ---- */

/* One that does not verify changes nothing. */
static bool says_deleted(const SourceReader *reader, const StoreReply *reply) {
        Envelope envelope = {0};

        int r = envelope_open(
                (const char *)reply->data, reply->size, "delete", "delete.json", &envelope, NULL);
        bool good =
                r >= 0 && envelope_trust(&envelope, reader->options.trusted, reader->instance) ==
                                  TRUST_TRUSTED;
        envelope_done(&envelope);
        return good;
}

static void on_deletion_read(const StoreReply *reply, void *userdata) {
        SourceReader *reader = userdata;
        Error error = {0};
        int r = 0;

        reader->request = NULL;
        if (reply->r < 0 && reply->r != -ENOENT && reply->err->kind != ERROR_INTEGRITY) {
                r = reply->r;
                error = *reply->err;
        } else if (reply->r >= 0 && says_deleted(reader, reply)) {
                r = error_set(
                        &error,
                        ERROR_NOT_COMPLETED,
                        -EBUSY,
                        "backup %s is not completed any more: it is being deleted, or a delete of "
                        "it did not come to its end",
                        reader->backup_id);
        }
        if (r >= 0)
                r = get(reader,
                        OBJECT_SEGMENTS,
                        (size_t)reader->source.record.volume.segment_count * SEGMENT_LINE_BYTES,
                        on_list_read,
                        &error);
        if (r < 0)
                finish(reader, &error);
}

/* ---- the record ---- */

static int judge_signature(SourceReader *reader, const Envelope *envelope, Error *err) {
        Source *source = &reader->source;

        source->trust = envelope_trust(envelope, reader->options.trusted, reader->instance);
        if (source->trust == TRUST_UNTRUSTED && reader->options.trusted_too != NULL)
                source->trust =
                        envelope_trust(envelope, reader->options.trusted_too, reader->instance);
        (void)snprintf(source->signer, sizeof(source->signer), "%s", envelope->signer);
        if (source->trust == TRUST_TRUSTED)
                return 0;
        if (reader->options.accept_unsigned) {
                log_warning(
                        &(LogFields){
                                .backup = reader->backup_id,
                                .message_id = MESSAGE_ID_RECORDS_UNTRUSTED},
                        "Backup %s is used although the signature of its record is %s, as was "
                        "asked for",
                        reader->backup_id,
                        trust_name(source->trust));
                return 0;
        }
        if (source->trust == TRUST_UNTRUSTED)
                return error_set(
                        err,
                        ERROR_UNTRUSTED,
                        -EKEYREJECTED,
                        "backup %s of instance %s is signed by %s, which is not trusted for that "
                        "instance: "
                        "add the key to the trusted keys or give it as `trust`, if it is the right "
                        "one",
                        reader->backup_id,
                        reader->instance,
                        source->signer);
        return error_set(
                err,
                ERROR_SIGNATURE,
                -EKEYREJECTED,
                "backup %s: the signature of backup.json is %s",
                reader->backup_id,
                trust_name(source->trust));
}

static int check_identity(const SourceReader *reader, Error *err) {
        const Record *record = &reader->source.record;

        if (string_equal(record->id, reader->backup_id) &&
            string_equal(record->instance, reader->instance))
                return 0;
        return error_set(
                err,
                ERROR_INTEGRITY,
                -EBADMSG,
                "the record at backup %s of instance %s is that of backup %s of instance %s",
                reader->backup_id,
                reader->instance,
                record->id,
                record->instance);
}

static int open_record(SourceReader *reader, const StoreReply *reply, Error *err) {
        Envelope envelope = {0};

        int r = envelope_open(
                (const char *)reply->data, reply->size, "record", "backup.json", &envelope, err);
        if (r >= 0)
                r = judge_signature(reader, &envelope, err);
        if (r >= 0)
                r = record_parse(
                        envelope.payload,
                        envelope.payload_size,
                        "backup.json",
                        &reader->source.record,
                        err);
        if (r >= 0)
                r = digest_hex(
                        DIGEST_SHA256,
                        envelope.payload,
                        envelope.payload_size,
                        reader->source.record_sha256,
                        err);
        if (r >= 0)
                r = check_identity(reader, err);
        envelope_done(&envelope);
        return r;
}

static int find_elsewhere(SourceReader *reader, Error *err);

static void on_record_read(const StoreReply *reply, void *userdata) {
        SourceReader *reader = userdata;
        Error error = {0};
        int r = reply->r;

        reader->request = NULL;
        if (r == -ENOENT) {
                r = find_elsewhere(reader, &error);
        } else if (r < 0) {
                error = *reply->err;
        } else {
                r = open_record(reader, reply, &error);
                if (r >= 0)
                        r = get(reader,
                                OBJECT_DELETE,
                                (size_t)2 * LIMIT_RECORD_BYTES,
                                on_deletion_read,
                                &error);
        }
        if (r < 0)
                finish(reader, &error);
}

/* ---- which instance's is it? ---- */

static void note_listed(SourceReader *reader, const char *listed) {
        ObjectName name;

        object_name_parse(listed, &name);
        if (!string_equal(name.backup_id, reader->backup_id))
                return;
        /* Of a deleted backup delete.json may be left, alone: it is no backup any more. */
        reader->is_unfinished = reader->is_unfinished || name.type != OBJECT_DELETE;
        if (name.type == OBJECT_RECORD)
                (void)snprintf(reader->instance, sizeof(reader->instance), "%s", name.instance);
}

static int end_search(SourceReader *reader, Error *err) {
        if (reader->instance[0] != '\0')
                return get(
                        reader, OBJECT_RECORD, (size_t)2 * LIMIT_RECORD_BYTES, on_record_read, err);
        if (reader->is_unfinished)
                return error_set(
                        err,
                        ERROR_NOT_COMPLETED,
                        -EBUSY,
                        "backup %s is not completed",
                        reader->backup_id);
        return error_set(
                err,
                ERROR_NO_SUCH_BACKUP,
                -ENOENT,
                "there is no backup %s in the store",
                reader->backup_id);
}

static void on_listed(const StoreReply *reply, void *userdata) {
        SourceReader *reader = userdata;
        Error error = {0};
        int r = reply->r;

        reader->request = NULL;
        if (r < 0) {
                finish(reader, reply->err);
                return;
        }
        reader->instance[0] = '\0';
        for (size_t i = 0; i < reply->n_entries; i++)
                note_listed(reader, reply->entries[i].name);
        r = end_search(reader, &error);
        if (r < 0)
                finish(reader, &error);
}

static int find_elsewhere(SourceReader *reader, Error *err) {
        if (reader->has_listed)
                return error_set(
                        err,
                        ERROR_NO_SUCH_BACKUP,
                        -ENOENT,
                        "there is no backup %s in the store",
                        reader->backup_id);
        reader->has_listed = true;
        return store_list(
                reader->options.service->store,
                "",
                &(StoreCall){on_listed, reader, &reader->request},
                err);
}

int source_reader_start(const SourceOptions *options, SourceReader **ret, Error *err) {
        SourceReader *reader = calloc(1, sizeof(SourceReader));

        if (reader == NULL)
                return error_oom(err);
        reader->options = *options;
        (void)snprintf(reader->backup_id, sizeof(reader->backup_id), "%s", options->backup_id);
        (void)snprintf(
                reader->instance,
                sizeof(reader->instance),
                "%s",
                options->instance != NULL ? options->instance
                                          : options->service->settings->config->instance);
        int r = get(reader, OBJECT_RECORD, (size_t)2 * LIMIT_RECORD_BYTES, on_record_read, err);
        if (r < 0) {
                free(reader);
                return r;
        }
        *ret = reader;
        return 0;
}

SourceReader *source_reader_free(SourceReader *reader) {
        if (reader == NULL)
                return NULL;
        store_cancel(reader->request);
        source_done(&reader->source);
        free(reader);
        return NULL;
}
