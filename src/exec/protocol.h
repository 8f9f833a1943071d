/* What orabackupd and orabackup-exec say to each other: messages on a SOCK_SEQPACKET socket of
 * AF_UNIX, each an ExecHeader and up to EXEC_DATA_BYTES. One connection, one runner, one program.
 *
 * The runner finds its socket as `--fd N` (spawned by the daemon; it then detaches, so that it is
 * no child of the daemon), as descriptor 3 with LISTEN_FDS=1 and LISTEN_PID (Accept=yes), or as
 * descriptor 0 (StandardInput=socket). The socket unit needs ListenSequentialPacket=.
 *
 * The program ends with the connection: when the daemon's end closes, or the runner gets SIGTERM or
 * SIGINT, the program gets SIGINT, EXEC_TERM_MSEC later SIGTERM, EXEC_KILL_MSEC after that SIGKILL.
 * Flow: the daemon has at most EXEC_STDIN_WINDOW bytes of standard input on their way that were not
 * acknowledged by EXEC_STDIN_TAKEN; the runner reads output only when the socket takes it. */
#pragma once

#include <stdint.h>

typedef enum ExecMessageType {
        /* From the daemon. */
        EXEC_START = 1,   /* value: arguments, other: variables; data: the directory, the arguments
                             and the variables, each ended by NUL */
        EXEC_STDIN,       /* data */
        EXEC_STDIN_CLOSE, /* after all data sent before */
        EXEC_SIGNAL,      /* value: the signal, for the program's pid alone */
        /* From the runner. */
        EXEC_STARTED = 16, /* value: the pid */
        EXEC_FAILED,       /* value: errno; data: what could not be done. The last message */
        EXEC_STDIN_TAKEN,  /* value: so many bytes more are written to the program or dropped */
        EXEC_OUTPUT,       /* data: of standard output and standard error */
        EXEC_OUTPUT_END,   /* nobody holds the writing end any more */
        EXEC_EXITED,       /* value: exit status, or -1 and other: the signal that ended it */
} ExecMessageType;

typedef struct ExecHeader {
        uint32_t type;
        int32_t value;
        int32_t other;
} ExecHeader;

enum {
        EXEC_DATA_BYTES = 64 * 1024,
        EXEC_STDIN_WINDOW = 32 * 1024,
        EXEC_OUTPUT_BYTES = 16 * 1024, /* of one EXEC_OUTPUT */
        EXEC_TERM_MSEC = 10 * 1000,
        EXEC_KILL_MSEC = 30 * 1000,
};
