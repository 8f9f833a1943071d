/* Jobs and what hangs on them: attempts, tags, members. Called by job/ through ledger_call(). */
#include "ledger/db.h"

#include <errno.h>
#include <string.h>

#include "ledger/database.h"

void ledger_job_done(LedgerJob *job) {
        free(job->directory);
        free(job->object);
        *job = (LedgerJob){0};
}

int ledger_next_job_id(LedgerDb *db, uint32_t *ret, Error *err) {
        Statement statement = statement_begin(
                db,
                "INSERT INTO counter VALUES ('job', 1)"
                " ON CONFLICT (name) DO UPDATE SET value = value + 1");
        int r = statement_run(&statement, err);
        if (r < 0)
                return r;
        statement = statement_begin(db, "SELECT value FROM counter WHERE name = 'job'");
        r = statement_step(&statement, err);
        uint64_t id = r > 0 ? statement_uint(&statement, 0) : 0;
        statement_end(&statement);
        if (r < 0)
                return r;
        if (id == 0 || id > UINT32_MAX)
                return error_set(err, ERROR_INTERNAL, -ERANGE, "No job numbers are left");
        *ret = (uint32_t)id;
        return 0;
}

/* Not REPLACE: that would take the job's attempts, tags and members with it. */
int ledger_job_put(LedgerDb *db, const LedgerJob *job, Error *err) {
        Statement statement = statement_begin(
                db,
                "INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " type = excluded.type, stage = excluded.stage, backup_id = excluded.backup_id,"
                " instance = excluded.instance, sequence = excluded.sequence,"
                " started_usec = excluded.started_usec, directory = excluded.directory,"
                " object = excluded.object");
        statement_bind_uint(&statement, job->id);
        statement_bind_text(&statement, job->type);
        statement_bind_uint(&statement, (uint64_t)job->stage);
        statement_bind_text(&statement, job->backup_id);
        statement_bind_text(&statement, job->instance);
        statement_bind_uint(&statement, job->sequence);
        statement_bind_uint(&statement, job->started_usec);
        statement_bind_text(&statement, job->directory);
        statement_bind_bytes(&statement, job->object, job->object_size);
        return statement_run(&statement, err);
}

static int no_such_job(uint32_t id, Error *err) {
        return error_set(err, ERROR_INTERNAL, -ENOENT, "The ledger has no job %u", id);
}

int ledger_job_stage(
        LedgerDb *db, uint32_t id, LedgerStage stage, const void *object, size_t size, Error *err) {
        Statement statement =
                statement_begin(db, "UPDATE job SET stage = ?, object = ? WHERE id = ?");
        statement_bind_uint(&statement, (uint64_t)stage);
        statement_bind_bytes(&statement, object, size);
        statement_bind_uint(&statement, id);
        int r = statement_run(&statement, err);
        if (r < 0)
                return r;
        return sqlite3_changes(db->sqlite) == 1 ? 0 : no_such_job(id, err);
}

int ledger_job_remove(LedgerDb *db, uint32_t id, Error *err) {
        Statement statement = statement_begin(db, "DELETE FROM job WHERE id = ?");
        statement_bind_uint(&statement, id);
        return statement_run(&statement, err);
}

static int read_job(const Statement *statement, LedgerJob *ret) {
        ret->id = (uint32_t)statement_uint(statement, 0);
        statement_copy(statement, 1, ret->type, sizeof(ret->type));
        ret->stage = (LedgerStage)statement_uint(statement, 2);
        statement_copy(statement, 3, ret->backup_id, sizeof(ret->backup_id));
        statement_copy(statement, 4, ret->instance, sizeof(ret->instance));
        ret->sequence = statement_uint(statement, 5);
        ret->started_usec = statement_uint(statement, 6);
        int r = statement_text(statement, 7, &ret->directory);
        return r < 0 ? r : statement_bytes(statement, 8, &ret->object, &ret->object_size);
}

static void jobs_free(LedgerJob *jobs, size_t n) {
        for (size_t i = 0; i < n; i++)
                ledger_job_done(&jobs[i]);
        free(jobs);
}

int ledger_jobs(LedgerDb *db, LedgerJob **ret, size_t *ret_n, Error *err) {
        void *jobs = NULL;
        size_t n = 0;
        int r;
        Statement statement = statement_begin(
                db,
                "SELECT id, type, stage, backup_id, instance, sequence, started_usec, directory,"
                " object FROM job ORDER BY id");
        while ((r = statement_step(&statement, err)) > 0) {
                LedgerJob *job = array_extend(&jobs, &n, sizeof(LedgerJob));
                if (job == NULL || read_job(&statement, job) < 0) {
                        r = error_oom(err);
                        break;
                }
        }
        statement_end(&statement);
        if (r < 0) {
                jobs_free(jobs, n);
                return r;
        }
        *ret = jobs;
        *ret_n = n;
        return 0;
}

int ledger_attempt_add(LedgerDb *db, uint32_t job, const char *attempt, Error *err) {
        Statement statement =
                statement_begin(db, "INSERT INTO attempt (job, attempt) VALUES (?, ?)");
        statement_bind_uint(&statement, job);
        statement_bind_text(&statement, attempt);
        return statement_run(&statement, err);
}

int ledger_attempts(LedgerDb *db, uint32_t job, StringList *ret, Error *err) {
        CLEANUP(string_list_done) StringList list = {0};
        int r;
        Statement statement =
                statement_begin(db, "SELECT attempt FROM attempt WHERE job = ? ORDER BY n");
        statement_bind_uint(&statement, job);
        while ((r = statement_step(&statement, err)) > 0) {
                char attempt[16];
                statement_copy(&statement, 0, attempt, sizeof(attempt));
                if (string_list_add(&list, attempt) < 0) {
                        r = error_oom(err);
                        break;
                }
        }
        statement_end(&statement);
        if (r < 0)
                return r;
        *ret = list;
        list = (StringList){0};
        return 0;
}

void ledger_tag_done(LedgerTag *tag) {
        free(tag->oracle_home);
        *tag = (LedgerTag){0};
}

/* A second run with the same tag is known already. */
int ledger_tag_add(LedgerDb *db, uint32_t job, const LedgerTag *tag, Error *err) {
        Statement statement = statement_begin(
                db,
                "INSERT INTO tag (job, sid, oracle_home, dbid, tag) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (job, sid, tag) DO UPDATE SET"
                " oracle_home = excluded.oracle_home, dbid = excluded.dbid");
        statement_bind_uint(&statement, job);
        statement_bind_text(&statement, tag->sid);
        statement_bind_text(&statement, tag->oracle_home);
        statement_bind_uint(&statement, tag->dbid);
        statement_bind_text(&statement, tag->tag);
        return statement_run(&statement, err);
}

static int read_tag(const Statement *statement, LedgerTag *ret) {
        statement_copy(statement, 0, ret->sid, sizeof(ret->sid));
        ret->dbid = statement_uint(statement, 2);
        statement_copy(statement, 3, ret->tag, sizeof(ret->tag));
        return statement_text(statement, 1, &ret->oracle_home);
}

static void tags_free(LedgerTag *tags, size_t n) {
        for (size_t i = 0; i < n; i++)
                ledger_tag_done(&tags[i]);
        free(tags);
}

int ledger_tags(LedgerDb *db, uint32_t job, LedgerTag **ret, size_t *ret_n, Error *err) {
        void *tags = NULL;
        size_t n = 0;
        int r;
        Statement statement = statement_begin(
                db, "SELECT sid, oracle_home, dbid, tag FROM tag WHERE job = ? ORDER BY n");
        statement_bind_uint(&statement, job);
        while ((r = statement_step(&statement, err)) > 0) {
                LedgerTag *tag = array_extend(&tags, &n, sizeof(LedgerTag));
                if (tag == NULL || read_tag(&statement, tag) < 0) {
                        r = error_oom(err);
                        break;
                }
        }
        statement_end(&statement);
        if (r < 0) {
                tags_free(tags, n);
                return r;
        }
        *ret = tags;
        *ret_n = n;
        return 0;
}

int ledger_member_add(LedgerDb *db, uint32_t job, const LedgerMember *member, Error *err) {
        Statement statement = statement_begin(
                db,
                "INSERT INTO member (job, path, source, offset, size, header)"
                " VALUES (?, ?, ?, ?, ?, ?)");
        statement_bind_uint(&statement, job);
        statement_bind_text(&statement, member->path);
        statement_bind_text(&statement, member->source);
        statement_bind_uint(&statement, member->offset);
        statement_bind_uint(&statement, member->size);
        statement_bind_bytes(&statement, member->header, member->header_size);
        return statement_run(&statement, err);
}
