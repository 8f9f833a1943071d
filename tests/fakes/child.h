/* event/child.h in memory: link tests/fakes/child.c and no program is started. A test looks at what
 * was started and written, and says line by line what "the program" prints and how it ends.
 *
 * Calls come synchronously from child_fake_line() and child_fake_exit(), as from the loop. A script
 * may answer by itself: child_fake_on_start() is called for each child once child_start() has
 * returned, from the loop; child_fake_on_input() with what was written since its last call, also
 * from the loop. Or the test drives by hand and runs the loop only for what else it needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event/child.h"

/* The nth child started so far (0: the first), also when it has ended, until child_fake_reset(). */
size_t child_fake_count(void);
typedef struct ChildFake ChildFake;
ChildFake *child_fake_at(size_t index);
ChildFake *child_fake_last(void);

const char *child_fake_argument(const ChildFake *child, size_t index);     /* NULL beyond the end */
const char *child_fake_variable(const ChildFake *child, const char *name); /* NULL: not set */
const char *child_fake_directory(const ChildFake *child);
const char *child_fake_input(const ChildFake *child); /* all that was written so far */
bool child_fake_input_closed(const ChildFake *child);
int child_fake_signal(const ChildFake *child);      /* the last one sent, 0: none */
bool child_fake_is_running(const ChildFake *child); /* neither ended nor freed */
bool child_fake_is_freed(const ChildFake *child);

/* What the program does. Nothing happens when the owner has freed it. */
void child_fake_line(ChildFake *child, const char *line);
void child_fake_lines(ChildFake *child, const char *text); /* each line of it, ends by '\n' */
void child_fake_cut_line(ChildFake *child, const char *line);
void child_fake_exit(ChildFake *child, int status);
void child_fake_killed(ChildFake *child, int signal_number);
void child_fake_lost(ChildFake *child, const char *message); /* on_exit without a ChildExit */

/* Scripts; NULL: none. They run on the loop given to child_runner_new(), which may be NULL when
 * there are none. */
void child_fake_on_start(void (*script)(ChildFake *child, void *userdata), void *userdata);
void child_fake_on_input(
        void (*script)(ChildFake *child, const char *input, void *userdata), void *userdata);

void child_fake_fail_next_start(const Error *err); /* child_start() returns it, once */
void child_fake_keep_input_queued(bool queued);    /* what child_has_input_queued() says */
void child_fake_reset(void);                       /* forgets all; every Child was freed before */
