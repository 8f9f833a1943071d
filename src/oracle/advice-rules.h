/* The rules behind advice.c. Private to advice*.c. */
#pragma once

#include "oracle/advice.h"

typedef struct RuleInput {
        const AdviceContext *context;
        const DatabaseFacts *facts;
        const LocalFacts *local; /* NULL: a backup asks */
        AdviceList *list;
} RuleInput;

typedef struct Rule {
        const char *check;
        void (*judge)(const RuleInput *input, const char *check); /* adds one row */
        bool concerns_backup; /* a backup warns of it; its rule needs no local facts */
} Rule;
const Rule *advice_rules(size_t *ret_n);

/* What the preflight would refuse, a row each (preflight-rules.h). */
void advice_refusals(const RuleInput *input);

/* advice-rman.c: who else uses RMAN here, and how it is configured */
void judge_other_users(const RuleInput *input, const char *check);
void judge_copies(const RuleInput *input, const char *check);
void judge_compression(const RuleInput *input, const char *check);
void judge_rman_encryption(const RuleInput *input, const char *check);
void judge_device(const RuleInput *input, const char *check);
void judge_autobackup(const RuleInput *input, const char *check);
void judge_optimization(const RuleInput *input, const char *check);
