/* A text parameter file (init<SID>.ora), as CREATE PFILE writes it and as people do: what must
 * exist before the instance can start, and the text without one parameter. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct PfileParameter {
        char *name; /* lower case, without "*." or "SID." */
        bool of_sid;
        StringList values; /* without quotes */
} PfileParameter;

typedef struct Pfile {
        PfileParameter *parameters;
        size_t n;
} Pfile;
void pfile_done(Pfile *pfile);

/* Parameters of other SIDs are left out; one of this SID comes before one of all. A line that is no
 * parameter, or a quote that does not end: Unsupported, with `what` and the line. */
int pfile_parse(
        const char *text, size_t size, const char *what, const char *sid, Pfile *ret, Error *err);
const StringList *pfile_get(const Pfile *pfile, const char *name); /* NULL: not set */

/* Directories that STARTUP NOMOUNT and MOUNT need: parents of the control files, audit, diagnostic,
 * dump, OMF, recovery and archive destinations, wallet root. Absolute ones, each once. */
int pfile_directories(const Pfile *pfile, StringList *ret);
int pfile_asm_names(const Pfile *pfile, StringList *ret); /* values that begin with '+' */
/* log_archive_dest_n with SERVICE=: parameter names. */
int pfile_remote_destinations(const Pfile *pfile, StringList *ret);
/* Net service names of local_listener, remote_listener and the LISTENER= of dispatchers: whichever
 * `parameter` is. Addresses are left out. */
int pfile_aliases(const Pfile *pfile, const char *parameter, StringList *ret);
bool pfile_uses_omf(const Pfile *pfile); /* db_create_file_dest is set */

/* The text without the lines of a parameter, of whichever SID. */
void pfile_reset(const char *text, size_t size, const char *parameter, Text *ret);
