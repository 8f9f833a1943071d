/* Everything that must hold before a restore changes anything: record, signature, databases, homes,
 * places, room, identity, every segment. Part of job/restore. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "job/restore-internal.h"
#include "stream/digest.h"

/* ---- every segment is there ---- */

static void check_more_segments(Restore *restore);

static void on_segment_there(const StoreReply *reply, void *userdata) {
        SegmentCheck *check = userdata;
        Restore *restore = check->restore;
        Error error = {0};

        check->request = NULL;
        if (reply->r < 0) {
                error = *reply->err;
                if (reply->r == -ENOENT)
                        error.kind = ERROR_INTEGRITY;
                (void)error_prefix(&error, "backup %s is not whole", restore->backup_id);
                restore_fail(restore, &error);
                return;
        }
        restore->n_segments_there++;
        check_more_segments(restore);
}

static int check_segment(Restore *restore, SegmentCheck *check, Error *err) {
        const Source *source = &restore->source;
        const RecordVolume *volume = &source->record.volume;
        size_t index = restore->next_segment++;
        StoreSegment segment = {
                .attempt = {source->record.instance, source->record.id, volume->attempt},
                .index = index,
                .offset = age_segment_offset(
                        source->record.payload_offset, volume->segment_size, index),
                .size = (size_t)source->segments[index].size,
                .md5 = source->segments[index].md5,
        };
        check->restore = restore;
        return store_stat_segment(
                restore->service->store, &segment, on_segment_there, check, &check->request, err);
}

static void check_more_segments(Restore *restore) {
        Error error = {0};

        if (restore->phase != RESTORE_SEGMENTS)
                return;
        if (restore->n_segments_there == restore->source.n_segments) {
                restore_checked(restore);
                return;
        }
        for (size_t i = 0;
             i < RESTORE_SEGMENT_CHECKS && restore->next_segment < restore->source.n_segments;
             i++) {
                if (restore->checks[i].request != NULL ||
                    check_segment(restore, &restore->checks[i], &error) >= 0)
                        continue;
                restore_fail(restore, &error);
                return;
        }
}

static void start_segments(Restore *restore) {
        restore_enter(restore, RESTORE_SEGMENTS);
        check_more_segments(restore);
}

void restore_stop_checks(Restore *restore) {
        restore->reader = source_reader_free(restore->reader);
        restore->locate = oracle_locate_free(restore->locate);
        store_cancel(restore->request);
        restore->request = NULL;
        for (size_t i = 0; i < RESTORE_SEGMENT_CHECKS; i++) {
                store_cancel(restore->checks[i].request);
                restore->checks[i].request = NULL;
        }
}

/* ---- the identity opens the header ---- */

static int load_identities(Restore *restore, Error *err) {
        char *text = NULL;
        size_t size;
        int r = 0;

        if (restore->identities != NULL)
                return 0;
        if (credential_exists("identity")) {
                r = credential_read("identity", &text, &size, err);
                if (r >= 0)
                        r = age_identities_parse(
                                text, size, "credential identity", &restore->identities, err);
        } else if (credential_exists("passphrase")) {
                r = credential_read("passphrase", &text, &size, err);
                if (r >= 0)
                        r = age_identities_add_passphrase(&restore->identities, text, size, err);
        } else {
                r = error_set(
                        err,
                        ERROR_NO_IDENTITY,
                        -ENOKEY,
                        "backup %s is encrypted and no identity was given: pass a handle with "
                        "`identity` or provide the credential identity",
                        restore->backup_id);
        }
        if (text != NULL)
                wipe(text, size);
        free(text);
        return r;
}

static int open_header(Restore *restore, LedgerDb *db, Error *err) {
        const Source *source = &restore->source;
        size_t size = (size_t)source->segments[0].size,
               offset = (size_t)source->record.payload_offset;
        uint8_t digest[32];
        char hex[65], md5[65];

        (void)db;
        int r = load_identities(restore, err);
        if (r >= 0)
                r = digest_hex(DIGEST_MD5, restore->first_segment, size, md5, err);
        if (r < 0)
                return r;
        if (!string_equal(md5, source->segments[0].md5))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "segment 0 of backup %s is damaged: its digest is %s where the list says "
                        "%s",
                        restore->backup_id,
                        md5,
                        source->segments[0].md5);
        if (offset > size)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "segment 0 of backup %s is shorter than its header",
                        restore->backup_id);
        if (age_header_digest(restore->first_segment, offset, digest) < 0)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EIO,
                        "OpenSSL offers no SHA-256 for the header's digest");
        format_hex(digest, sizeof(digest), hex);
        if (!string_equal(hex, source->record.header_sha256))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "the header of backup %s is not the one its record names",
                        restore->backup_id);

        size_t opened;
        r = age_header_open(
                restore->identities, restore->first_segment, size, &restore->payload, &opened, err);
        if (r == -EAGAIN || (r >= 0 && opened != offset))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "the header of backup %s has another length than its record says",
                        restore->backup_id);
        return r < 0 && err != NULL ? error_prefix(err, "backup %s", restore->backup_id) : r;
}

static void on_header_opened(Restore *restore) {
        free(restore->first_segment);
        restore->first_segment = NULL;
        start_segments(restore);
}

static void on_first_segment(const StoreReply *reply, void *userdata) {
        Restore *restore = userdata;
        Error error = {0};
        int r = reply->r;

        restore->request = NULL;
        if (r < 0) {
                error = *reply->err;
                if (r == -ENOENT)
                        error.kind = ERROR_INTEGRITY;
                (void)error_prefix(&error, "segment 0 of backup %s", restore->backup_id);
        } else {
                r = restore_step_files(restore, open_header, on_header_opened, &error);
        }
        if (r < 0)
                restore_fail(restore, &error);
}

static int fetch_first_segment(Restore *restore, Error *err) {
        const Source *source = &restore->source;
        const RecordVolume *volume = &source->record.volume;
        StoreSegment segment = {
                .attempt = {source->record.instance, source->record.id, volume->attempt},
                .size = (size_t)source->segments[0].size,
                .md5 = source->segments[0].md5,
        };
        restore->first_segment = malloc(segment.size);
        if (restore->first_segment == NULL)
                return error_oom(err);
        return store_get_segment(
                restore->service->store,
                &segment,
                restore->first_segment,
                on_first_segment,
                restore,
                &restore->request,
                err);
}

/* ---- databases, homes, places ---- */

static int judge_plan(const Restore *restore, Error *err) {
        const RestorePlan *plan = &restore->plan;

        for (size_t i = 0; i < plan->n_databases; i++)
                if (plan->databases[i].in_the_way != NULL && !restore->overwrite)
                        return error_set(
                                err,
                                ERROR_DATABASE_EXISTS,
                                -EEXIST,
                                "database %s exists on this host: %s; remove it, or restore with "
                                "overwrite",
                                plan->databases[i].database.sid,
                                plan->databases[i].in_the_way);
        if (plan->bytes > plan->free_bytes)
                return error_set(
                        err,
                        ERROR_NO_SPACE,
                        -ENOSPC,
                        "%s has %llu bytes free and the pieces of backup %s need %llu",
                        plan->directory,
                        (unsigned long long)plan->free_bytes,
                        restore->backup_id,
                        (unsigned long long)plan->bytes);
        return 0;
}

static int look(Restore *restore, LedgerDb *db, Error *err) {
        RestorePlanInput input = restore_plan_input(restore);

        (void)db;
        int r = restore_plan_files(&input, &restore->plan, err);
        if (r >= 0)
                r = restore_plan_look(&input, &restore->plan, err);
        return r < 0 ? r : judge_plan(restore, err);
}

static void on_looked(Restore *restore) {
        Error error = {0};

        restore_enter(restore, RESTORE_HEADER);
        if (fetch_first_segment(restore, &error) < 0)
                restore_fail(restore, &error);
}

static void locate_next(Restore *restore);

static void on_located(int r, const Error *err, void *userdata) {
        Restore *restore = userdata;

        restore->locate = oracle_locate_free(restore->locate);
        if (r < 0) {
                restore_fail(restore, err);
                return;
        }
        restore->current++;
        locate_next(restore);
}

static void locate_next(Restore *restore) {
        Error error = {0};
        int r;

        if (restore->current == restore->plan.n_databases) {
                restore->current = 0;
                r = restore_step_files(restore, look, on_looked, &error);
        } else {
                TargetDatabase *target = &restore->plan.databases[restore->current];
                job_set_database(restore->job, target->database.sid);
                r = oracle_locate(
                        &restore->service->oracle,
                        &target->database,
                        on_located,
                        restore,
                        &restore->locate,
                        &error);
        }
        if (r < 0)
                restore_fail(restore, &error);
}

static int plan_databases(Restore *restore, LedgerDb *db, Error *err) {
        RestorePlanInput input = restore_plan_input(restore);

        (void)db;
        return restore_plan_databases(&input, &restore->plan, err);
}

static void on_source(Source *source, const Error *err, void *userdata) {
        Restore *restore = userdata;
        Error error = {0};

        if (err != NULL) {
                restore_fail(restore, err);
                return;
        }
        restore->source = *source;
        *source = (Source){0};
        restore->reader = source_reader_free(restore->reader);
        restore_enter(restore, RESTORE_TARGETS);
        if (restore->source.record.level != 0)
                (void)error_set(
                        &error,
                        ERROR_NOT_SUPPORTED,
                        -EOPNOTSUPP,
                        "backup %s is a level 1, and chains are not restored yet",
                        restore->backup_id);
        else
                (void)restore_step_files(restore, plan_databases, locate_next, &error);
        if (error_is_set(&error))
                restore_fail(restore, &error);
}

int restore_check_start(Restore *restore, Error *err) {
        SourceOptions options = {
                .service = restore->service,
                .trusted = restore->settings->trusted,
                .trusted_too = restore->extra_trust,
                .backup_id = restore->backup_id,
                .accept_unsigned = restore->accept_unsigned,
                .on_done = on_source,
                .userdata = restore,
        };
        restore_enter(restore, RESTORE_SOURCE);
        return source_reader_start(&options, &restore->reader, err);
}
