/* Everything that must hold before a restore changes anything: record, signature, databases, homes,
 * places, room, identity, every segment. Part of job/restore. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "job/restore-internal.h"
#include "stream/digest.h"

static Source *present_link(const Restore *restore) {
        return &restore->chain.links[restore->link];
}

static bool is_ancestor(const Restore *restore) {
        return restore->link + 1 < restore->chain.n;
}

/* What is wrong with an ancestor is the chain's fault. */
void restore_fail_at_link(Restore *restore, const Error *err) {
        Error error = *err;

        if (is_ancestor(restore) && error.kind == ERROR_INTEGRITY)
                error.kind = ERROR_CHAIN_BROKEN;
        if (is_ancestor(restore))
                (void)error_prefix(&error, "an ancestor of backup %s", restore->backup_id);
        restore_fail(restore, &error);
}

/* ---- every segment is there ---- */

static void check_segments(Restore *restore);

static void on_segments_there(const Error *err, void *userdata) {
        Restore *restore = userdata;

        if (err != NULL) {
                restore_fail_at_link(restore, err);
                return;
        }
        restore->segment_check = segment_check_free(restore->segment_check);
        restore->link++;
        check_segments(restore);
}

static void check_segments(Restore *restore) {
        Error error = {0};

        if (restore->link == restore->chain.n) {
                restore->link = 0;
                restore_checked(restore);
                return;
        }
        if (segment_check_start(
                    restore->service,
                    present_link(restore),
                    on_segments_there,
                    restore,
                    &restore->segment_check,
                    &error) < 0)
                restore_fail(restore, &error);
}

void restore_stop_checks(Restore *restore) {
        restore->reader = chain_reader_free(restore->reader);
        restore->segment_check = segment_check_free(restore->segment_check);
        restore->locate = oracle_locate_free(restore->locate);
        store_cancel(restore->request);
        restore->request = NULL;
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

static int open_link(Restore *restore, Error *err) {
        const Source *source = present_link(restore);
        size_t size = (size_t)source->segments[0].size,
               offset = (size_t)source->record.payload_offset;
        uint8_t digest[32];
        char hex[65], md5[65];

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
                        source->record.id,
                        md5,
                        source->segments[0].md5);
        if (offset > size)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "segment 0 of backup %s is shorter than its header",
                        source->record.id);
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
                        source->record.id);

        size_t opened;
        r = age_header_open(
                restore->identities,
                restore->first_segment,
                size,
                &restore->payloads[restore->link],
                &opened,
                err);
        if (r == -EAGAIN || (r >= 0 && opened != offset))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "the header of backup %s has another length than its record says",
                        source->record.id);
        return r < 0 && err != NULL ? error_prefix(err, "backup %s", source->record.id) : r;
}

static int open_header(Restore *restore, LedgerDb *db, Error *err) {
        (void)db;
        int r = open_link(restore, err);
        if (r < 0 && is_ancestor(restore) && err->kind == ERROR_INTEGRITY)
                err->kind = ERROR_CHAIN_BROKEN;
        return r;
}

static int fetch_first_segment(Restore *restore, Error *err);

static void on_header_opened(Restore *restore) {
        free(restore->first_segment);
        restore->first_segment = NULL;
        if (++restore->link < restore->chain.n) {
                Error error = {0};
                if (fetch_first_segment(restore, &error) < 0)
                        restore_fail(restore, &error);
                return;
        }
        restore->link = 0;
        restore_enter(restore, RESTORE_SEGMENTS);
        check_segments(restore);
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
                (void)error_prefix(
                        &error, "segment 0 of backup %s", present_link(restore)->record.id);
        } else {
                r = restore_step_files(restore, open_header, on_header_opened, &error);
        }
        if (r < 0)
                restore_fail_at_link(restore, &error);
}

static int fetch_first_segment(Restore *restore, Error *err) {
        const Source *source = present_link(restore);
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
                &(StoreCall){on_first_segment, restore, &restore->request},
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

static void on_chain(Chain *chain, const Error *err, void *userdata) {
        Restore *restore = userdata;
        Error error = {0};

        if (err != NULL) {
                restore_fail(restore, err);
                return;
        }
        restore->chain = *chain;
        *chain = (Chain){0};
        restore->reader = chain_reader_free(restore->reader);
        restore_enter(restore, RESTORE_TARGETS);
        restore->payloads = calloc(restore->chain.n, sizeof(AgePayload));
        if (restore->payloads == NULL)
                (void)error_oom(&error);
        else
                (void)restore_step_files(restore, plan_databases, locate_next, &error);
        if (error_is_set(&error))
                restore_fail(restore, &error);
}

int restore_check_start(Restore *restore, Error *err) {
        ChainOptions options = {
                .service = restore->service,
                .trusted = restore->settings->trusted,
                .trusted_too = restore->extra_trust,
                .backup_id = restore->backup_id,
                .accept_unsigned = restore->accept_unsigned,
                .on_done = on_chain,
                .userdata = restore,
        };
        restore_enter(restore, RESTORE_SOURCE);
        return chain_reader_start(&options, &restore->reader, err);
}
