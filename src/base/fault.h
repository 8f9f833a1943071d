/* Fault points: named places where a test makes the program crash, hold or fail. Only in builds
 * with -Dtest_hooks=true; elsewhere fault_point() is the constant 0 and nothing of this is in the
 * binary.
 *
 * The test puts a directory into ORABACKUP_FAULTS. A file in it named like the point says what
 * happens there:
 *   crash [nth]      the process ends at once by SIGKILL, at the nth pass (default: the first)
 *   error N [nth]    the call returns -N (an errno) at the nth pass (default: the first), once
 *   hold             the call waits until the file is gone: worker threads only, the loop thread
 *                    asks with fault_point_held(), then fault_point_is_released() from a timer
 * Each pass appends its name as a line to "<directory>/passed", so that a test waits for an event
 * and not for a time. */
#pragma once

#include <stdbool.h>

#ifdef ORABACKUP_TEST_HOOKS
int fault_point(const char *name);
/* For the loop thread: 1 while the point is held, else as fault_point(). Does not block. One call
 * is one pass: whoever got 1 asks fault_point_is_released() from then on. */
int fault_point_held(const char *name);
bool fault_point_is_released(const char *name);
#else
static inline int fault_point(const char *name) {
        (void)name;
        return 0;
}
static inline int fault_point_held(const char *name) {
        (void)name;
        return 0;
}
static inline bool fault_point_is_released(const char *name) {
        (void)name;
        return true;
}
#endif
