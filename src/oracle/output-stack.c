/* Error stacks of RMAN: pairs that were seen, ranks of codes, the cause. Called by output.c. */
#include "oracle/output-stack.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/output.h"

/* Which kind of the contract a code stands for. */
static const struct {
        const char *code;
        ErrorKind kind;
        bool only_no_space; /* with "Error: 28" or 122 of the operating system */
} kinds[] = {
        {"ORA-19809", ERROR_NO_SPACE, false},
        {"ORA-19502", ERROR_NO_SPACE, true},
        {"ORA-19504", ERROR_NO_SPACE, true},
        {"ORA-19602", ERROR_NOT_ARCHIVELOG, false},
        {"ORA-00258", ERROR_NOT_ARCHIVELOG, false},
        {"RMAN-06149", ERROR_NOT_ARCHIVELOG, false},
        {"ORA-01034", ERROR_ORACLE, false},
        {"RMAN-06403", ERROR_ORACLE, false},
        {"ORA-01017", ERROR_ORACLE_AUTH, false},
        {"ORA-01031", ERROR_ORACLE_AUTH, false},
        {"RMAN-06053", ERROR_NOT_CONSISTENT, false},
        {"RMAN-06025", ERROR_NOT_CONSISTENT, false},
        {"ORA-01194", ERROR_NOT_CONSISTENT, false},
        {"ORA-01195", ERROR_NOT_CONSISTENT, false},
        {"RMAN-06556", ERROR_NOT_CONSISTENT, false}, /* until out of range */
        {"RMAN-20207", ERROR_NOT_CONSISTENT, false},
        {"RMAN-20208", ERROR_NOT_CONSISTENT, false},
};

/* Codes that announce another one, or add where and how to it. */
static const struct {
        const char *code;
        int rank;
} weak_codes[] = {
        {"RMAN-03002", RMAN_RANK_WRAPPER},
        {"RMAN-03009", RMAN_RANK_WRAPPER},
        {"RMAN-00554", RMAN_RANK_WRAPPER},
        {"RMAN-00558", RMAN_RANK_WRAPPER},
        {"RMAN-00601", RMAN_RANK_WRAPPER},
        {"RMAN-03010", RMAN_RANK_WRAPPER},
        {"RMAN-04005", RMAN_RANK_WRAPPER},
        {"RMAN-04006", RMAN_RANK_WRAPPER},
        {"RMAN-04014", RMAN_RANK_WRAPPER},
        {"RMAN-05501", RMAN_RANK_WRAPPER},
        {"RMAN-06026", RMAN_RANK_WRAPPER},
        {"RMAN-12010", RMAN_RANK_WRAPPER},
        {"ORA-00283", RMAN_RANK_WRAPPER},
        {"ORA-01547", RMAN_RANK_WRAPPER},
        {"ORA-19870", RMAN_RANK_WRAPPER},
        {"ORA-01110", RMAN_RANK_DETAIL},
};

ErrorKind rman_error_kind(const char *code, int os_error) {
        bool no_space = os_error == ENOSPC || os_error == EDQUOT;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].code, code) == 0 && (no_space || !kinds[i].only_no_space))
                        return kinds[i].kind;
        return ERROR_RMAN_FAILED;
}

int rman_code_rank(const char *code) {
        bool oracle = strncmp(code, "RMAN-", 5) != 0;

        for (size_t i = 0; i < ELEMENTSOF(weak_codes); i++)
                if (strcmp(weak_codes[i].code, code) == 0)
                        return weak_codes[i].rank;
        if (rman_error_kind(code, 0) != ERROR_RMAN_FAILED)
                return oracle ? RMAN_RANK_KNOWN_ORACLE : RMAN_RANK_KNOWN_RMAN;
        if (strncmp(code, "ORA-27", 6) == 0) /* the system's side of an I/O error */
                return RMAN_RANK_DETAIL;
        return oracle ? RMAN_RANK_ORACLE : RMAN_RANK_RMAN;
}

#define COPY(field, text) rman_copy(field, sizeof(field), text, strlen(text))

void rman_stack_note(RmanStack *stack, int rank, const char *code, const char *message) {
        RmanCause *cause = &stack->cause;
        bool same = cause->stack == stack->number;

        if (rank <= cause->rank || (!same && cause->rank > RMAN_RANK_DETAIL))
                return;
        if (!same)
                cause->os_error = 0;
        cause->rank = rank;
        cause->stack = stack->number;
        COPY(cause->code, code);
        COPY(cause->message, message);
}

void rman_stack_os_error(RmanStack *stack, int os_error) {
        if (stack->cause.stack == stack->number && stack->cause.os_error == 0)
                stack->cause.os_error = os_error;
}

static uint64_t hash_pair(const char *code, const char *message) {
        uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

        for (; *code != '\0'; code++)
                hash = (hash ^ (unsigned char)*code) * 1099511628211ULL;
        for (; *message != '\0'; message++)
                hash = (hash ^ (unsigned char)*message) * 1099511628211ULL;
        return hash;
}

bool rman_stack_seen(RmanStack *stack, const char *code, const char *message) {
        uint64_t hash = hash_pair(code, message);

        for (size_t i = 0; i < stack->n_pairs && i < RMAN_STACK_PAIRS_MAX; i++)
                if (stack->pairs[i] == hash)
                        return true;
        stack->pairs[stack->n_pairs++ % RMAN_STACK_PAIRS_MAX] = hash;
        return false;
}

void rman_stack_enter(RmanStack *stack, bool framed) {
        if (stack->open && !(framed && stack->framed)) {
                stack->framed |= framed;
                return;
        }
        stack->open = true;
        stack->framed = framed;
        stack->number++;
        stack->n_pairs = 0;
}

void rman_stack_end(RmanStack *stack) {
        stack->open = stack->framed = false;
}
