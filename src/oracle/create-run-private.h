/* What create-run.c gives to workers, in create-look.c: the host before dbca and after a failure.
 */
#pragma once

#include "oracle/oracle.h"
#include "oracle/step.h"

typedef struct CreateLook {
        OracleDatabase database; /* located */
        char *oratab;
        char *data_directory; /* NULL: dbca's own */
        char *recovery_area;  /* NULL: chosen by create_look, then set */
        StringList left;      /* by create_left */
} CreateLook;
/* NULL: no memory. */
CreateLook *create_look_new(
        const OracleDatabase *database,
        const char *oratab,
        const char *data_directory,
        const char *recovery_area);
void *create_look_free(void *look);

/* Nothing of the SID may be here (DatabaseExists), dbca must be; makes the recovery area. */
extern const StepWork create_look;
/* What there is of the SID now. */
extern const StepWork create_left;
/* Its line in oratab: `left` holds a note when it had to be added. */
extern const StepWork create_oratab;
