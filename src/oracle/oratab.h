/* oratab: which databases this host has. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct OratabEntry {
        char sid[31];
        char *oracle_home;
        char flag; /* Y, N or W */
} OratabEntry;
typedef struct Oratab {
        OratabEntry *entries;
        size_t n;
} Oratab;
void oratab_done(Oratab *oratab);

/* Comments, '*' and +ASM entries are left out; a malformed line or a SID twice is ERROR_CONFIG with
 * file and line. Pure. */
int oratab_parse(const char *text, size_t size, const char *what, Oratab *ret, Error *err);
const OratabEntry *oratab_find(const Oratab *oratab, const char *sid);

/* Blocking, from a worker. Absent file: empty. */
int oratab_read(const char *path, Oratab *ret, Error *err);
/* Adds or replaces the line of sid, in place under a lock (flock), a copy kept as <path>.orabackup.
 * The file keeps its inode, owner and mode. */
int oratab_set(const char *path, const char *sid, const char *oracle_home, Error *err);
