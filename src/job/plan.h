/* What a backup will do, before anything is started: the databases in oratab's order, each asked
 * and judged (oracle/preflight), and the room that is needed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "job/service.h"
#include "oracle/facts.h"
#include "oracle/link.h"
#include "repository/record.h"

typedef struct PlannedDatabase {
        OracleDatabase database;
        DatabaseFacts facts;
        StringList warnings;
        char tag[31]; /* "LEVEL0-20261122T061044Z" */
        /* Of a level 1: the same database in the parent (NULL: level 0), its files, and the numbers
         * of those it lacks. */
        const RecordDatabase *parent;
        LinkFile *parent_files;
        size_t n_parent_files;
        uint32_t *new_files;
        size_t n_new_files;
        bool with_network_files; /* the first database of its Oracle home */
} PlannedDatabase;

typedef struct BackupPlan {
        PlannedDatabase *databases;
        size_t n_databases;
        RecordSkipped *skipped;
        size_t n_skipped;
        uint64_t expected_bytes;
} BackupPlan;
void backup_plan_done(BackupPlan *plan);

typedef struct Planner Planner;
typedef struct PlannerOptions {
        Service *service;
        Settings *settings;          /* lives until on_done */
        const StringList *databases; /* empty: all that the configuration selects */
        const Record *parent;        /* NULL: level 0; lives as long as the plan */
        uint64_t level0_usec;        /* when the chain of the parent began */
        const char *backup_id;
        void (*on_database)(const char *sid, void *userdata); /* is being asked now */
        void (*on_done)(
                BackupPlan *plan,
                const Error *err,
                void *userdata); /* the caller may take the plan (leave it zeroed) */
        void *userdata;
} PlannerOptions;
int planner_start(const PlannerOptions *options, Planner **ret, Error *err);
Planner *planner_free(Planner *planner); /* cancels */

/* Reads oratab and selects: `requested`, else the configuration's list, else all; NoSuchDatabase
 * names what oratab lacks. Blocking: from a worker. */
int select_databases(
        const Config *config,
        const StringList *requested,
        OracleDatabase **ret,
        size_t *ret_n,
        Error *err);
