/* orabackupd: owns the loop and every part, starts them in order, reloads and ends.
 *
 * starting -> recovering -> serving -> ending; a lost bus leads from serving to draining. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

typedef struct Daemon Daemon;

int daemon_new(const char *config_path, Daemon **ret, Error *err);
int daemon_run(Daemon *daemon); /* until SIGTERM or SIGINT (0), or a lost bus (1) */
Daemon *daemon_free(Daemon *daemon);
DEFINE_CLEANUP(Daemon, daemon);
