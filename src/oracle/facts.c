/* Frees what oracle/queries.c filled in. */
#include "oracle/facts.h"

#include <stdlib.h>

#include "base/cleanup.h"

void datafile_facts_done(DatafileFacts *files, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(files[i].name);
        free(files);
}

void database_facts_done(DatabaseFacts *facts) {
        char *strings[] = {
                facts->instance_name,  facts->host_name,        facts->version,
                facts->edition,        facts->status,           facts->db_name,
                facts->db_unique_name, facts->log_mode,         facts->open_mode,
                facts->role,           facts->controlfile_type, facts->flashback,
                facts->utc_offset,     facts->resetlogs_time,   facts->spfile,
                facts->recovery_dest,  facts->local_listener,   facts->remote_listener,
                facts->dispatchers,    facts->password_mode,    facts->block_change_tracking,
        };
        StringList *lists[] = {
                &facts->control_files,
                &facts->restore_points,
                &facts->open_pdbs,
                &facts->excluded_tablespaces,
                &facts->logfiles,
                &facts->guaranteed_points,
                &facts->restricted_pdbs,
                &facts->rman_settings,
                &facts->remote_destinations,
                &facts->archive_directories,
                &facts->failed_destinations,
                &facts->foreign,
        };

        free(facts->bases);
        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free(strings[i]);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                string_list_done(lists[i]);
        datafile_facts_done(facts->datafiles, facts->n_datafiles);
        free(facts->threads);
        *facts = (DatabaseFacts){0};
}

void run_facts_done(RunFacts *facts) {
        for (size_t i = 0; i < facts->n_pieces; i++)
                free(facts->pieces[i].handle);
        free(facts->pieces);
        free(facts->datafiles);
        free(facts->logs);
        datafile_facts_done(facts->structure, facts->n_structure);
        string_list_done(&facts->structure_files);
        free(facts->utc_offset);
        free(facts->fuzzy_time);
        free(facts->until_time);
        *facts = (RunFacts){0};
}
