/* oracle-scripts WHAT [VALUE]..: the product's own scripts for RMAN and SQL*Plus on standard
 * output, for tests that run them, whole or spoilt, against a simulator. Exit 2: wrong usage.
 *
 *   backup LEVEL TAG DESTINATION SEQUENCE PIECE-SIZE [FILE]..   one channel, thread 1, with spfile
 *   supplement TAG DESTINATION SEQUENCE FILE..
 *   cure TAG DESTINATION LOG-DIRECTORY FIRST LAST
 *   delete TAG | uncatalog HANDLE.. | controlfile DBID PIECE
 *   catalog INCARNATION DIRECTORY.. | restore UNTIL LOG-DIRECTORY
 *   nomount | mount | open | shutdown | archive                 SQL*Plus, with preamble and ending
 *   questions VERSION TAG                                       all questions, `prompt #name`
 * before each */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "oracle/script.h"
#include "oracle/sql.h"

enum { EXIT_USAGE = 2, FILES_MAX = 64 };

static const char COMMAND_ID[] = "1a2b3c4d";

typedef struct Words {
        char **words;
        int n;
} Words;

static uint64_t number(const char *word) {
        return strtoull(word, NULL, 10);
}

static int backup(Words w, bool supplementary, Text *ret, Error *err) {
        RmanLogStart log = {.thread = 1, .sequence = number(w.words[3])};
        uint32_t files[FILES_MAX];
        RmanBackupScript script = {
                .level = (unsigned)number(w.words[0]),
                .supplementary = supplementary,
                .tag = w.words[1],
                .command_id = COMMAND_ID,
                .destination = w.words[2],
                .compressed = true,
                .set_compression = true,
                .channels = 1,
                .max_piece_size = number(w.words[4]),
                .datafiles = files,
                .logs = &log,
                .n_logs = 1,
                .has_spfile = true,
        };

        for (int i = 5; i < w.n && script.n_datafiles < FILES_MAX; i++)
                files[script.n_datafiles++] = (uint32_t)number(w.words[i]);
        return rman_script_backup(&script, ret, err);
}

static int plain_backup(Words w, Text *ret, Error *err) {
        return backup(w, false, ret, err);
}

static int supplement(Words w, Text *ret, Error *err) {
        char *words[FILES_MAX + 5] = {
                (char[]){"0"}, w.words[0], w.words[1], w.words[2], (char[]){"0"}};
        int n = 5;

        for (int i = 3; i < w.n && n < FILES_MAX + 5; i++)
                words[n++] = w.words[i];
        return backup((Words){words, n}, true, ret, err);
}

static int cure(Words w, Text *ret, Error *err) {
        RmanLogCure script = {
                .tag = w.words[0],
                .command_id = COMMAND_ID,
                .destination = w.words[1],
                .log_directory = w.words[2],
                .compressed = true,
                .set_compression = true,
                .thread = 1,
                .first_sequence = number(w.words[3]),
                .last_sequence = number(w.words[4]),
        };

        return rman_script_log_cure(&script, ret, err);
}

static int delete_tag(Words w, Text *ret, Error *err) {
        return rman_script_delete_tag(NULL, w.words[0], ret, err);
}

static int uncatalog(Words w, Text *ret, Error *err) {
        StringList handles = {.items = w.words, .n = (size_t)w.n};

        return rman_script_uncatalog(NULL, &handles, ret, err);
}

static int controlfile(Words w, Text *ret, Error *err) {
        return rman_script_restore_controlfile(number(w.words[0]), w.words[1], ret, err);
}

static int catalog(Words w, Text *ret, Error *err) {
        StringList directories = {.items = w.words + 1, .n = (size_t)w.n - 1};

        return rman_script_catalog(number(w.words[0]), &directories, ret, err);
}

static int restore(Words w, Text *ret, Error *err) {
        return rman_script_restore(
                &(RmanUntil){.scn = number(w.words[0])}, w.words[1], 1, ret, err);
}

static int statement(SqlStatement which, Text *ret, Error *err) {
        int r = sql_preamble(NULL, false, ret, err);

        if (r == 0) {
                sql_statement(which, ret);
                sql_ending(ret);
        }
        return r;
}

static int mount(Words w, Text *ret, Error *err) {
        return statement(SQL_MOUNT, ret, err);
}

static int open_resetlogs(Words w, Text *ret, Error *err) {
        return statement(SQL_OPEN_RESETLOGS, ret, err);
}

static int archive(Words w, Text *ret, Error *err) {
        return statement(SQL_ARCHIVE_LOG_CURRENT, ret, err);
}

static int nomount(Words w, Text *ret, Error *err) {
        int r = sql_preamble(NULL, true, ret, err);

        if (r == 0)
                r = sql_startup_nomount(NULL, ret, err);
        sql_ending(ret);
        return r;
}

static int stop(Words w, Text *ret, Error *err) {
        int r = sql_preamble(NULL, true, ret, err);

        sql_statement(SQL_SHUTDOWN, ret);
        text_append(ret, "exit success\n");
        return r;
}

static int questions(Words w, Text *ret, Error *err) {
        unsigned version = (unsigned)number(w.words[0]);
        int r = sql_preamble(NULL, false, ret, err);

        for (int i = 0; i < _SQL_QUESTION_MAX && r == 0; i++) {
                text_appendf(ret, "prompt #question %d\n", i);
                sql_ask((SqlQuestion)i, version, ret);
        }
        for (int i = 0; i < _SQL_TAG_QUESTION_MAX && r == 0; i++) {
                text_appendf(ret, "prompt #tag question %d\n", i);
                r = sql_ask_tag((SqlTagQuestion)i, w.words[1], ret, err);
        }
        if (r == 0)
                r = sql_ask_sessions(COMMAND_ID, (uint32_t[]){30, 37}, 2, ret, err);
        sql_ask_hole(1, 1, 3, ret);
        sql_ending(ret);
        return r;
}

static const struct {
        const char *name;
        int n_words; /* at least */
        int (*write)(Words words, Text *ret, Error *err);
} table[] = {
        {"backup", 5, plain_backup},
        {"supplement", 4, supplement},
        {"cure", 5, cure},
        {"delete", 1, delete_tag},
        {"uncatalog", 1, uncatalog},
        {"controlfile", 2, controlfile},
        {"catalog", 2, catalog},
        {"restore", 2, restore},
        {"nomount", 0, nomount},
        {"mount", 0, mount},
        {"open", 0, open_resetlogs},
        {"shutdown", 0, stop},
        {"archive", 0, archive},
        {"questions", 2, questions},
};

int main(int argc, char **argv) {
        Text text = TEXT_INIT;
        Error err = {0};
        int r;

        for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++) {
                if (strcmp(argv[1], table[i].name) != 0 || argc - 2 < table[i].n_words)
                        continue;
                r = table[i].write((Words){argv + 2, argc - 2}, &text, &err);
                if (r < 0 || text.failed) {
                        fprintf(stderr, "oracle-scripts: %s\n", err.message);
                        return EXIT_FAILURE;
                }
                fwrite(text.data, 1, text.length, stdout);
                text_done(&text);
                return EXIT_SUCCESS;
        }
        fprintf(stderr, "usage: oracle-scripts WHAT [VALUE]..: see the head of its source\n");
        return EXIT_USAGE;
}
