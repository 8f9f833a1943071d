/* Every limit of the program on what comes from outside, in one place. Each has a test that reaches
 * it. */
#pragma once

enum {
        LIMIT_SID_BYTES = 30,
        LIMIT_INSTANCE_BYTES = 64,
        LIMIT_PATH_BYTES = 4095,
        LIMIT_DATABASES = 256,   /* of one host */
        LIMIT_DATAFILES = 65533, /* of one database, Oracle's own bound */
        LIMIT_MEMBERS = 100000,  /* of one backup */
        LIMIT_JOB_QUEUE = 64,
        LIMIT_JOBS_FINISHED = 128,
        LIMIT_RESULT_ROWS = 1000,
        LIMIT_RECORD_BYTES = 4 * 1024 * 1024, /* payload of a control object */
        LIMIT_JSON_DEPTH = 16,
        LIMIT_CONFIG_LINE_BYTES = 4096,
        LIMIT_CONFIG_FILE_BYTES = 1024 * 1024,
        LIMIT_CONFIG_DROPINS = 64,
        LIMIT_KEY_FILE_BYTES = 64 * 1024, /* recipients, identities, trusted keys, handles */
        LIMIT_RECIPIENTS = 64,
        LIMIT_AGE_HEADER_BYTES = 64 * 1024,
        LIMIT_AGE_STANZAS = 256,
        LIMIT_SCRYPT_LOG_N = 20, /* 1 GiB at the reader's cost */
        LIMIT_CHILD_LINE_BYTES = 32 * 1024,
        LIMIT_CHILD_STDIN_BYTES = 1024 * 1024, /* queued for one child */
        LIMIT_SQL_ROWS = 200000,               /* of one SQL*Plus run */
        LIMIT_DBCA_WARNINGS = 64,              /* kept of one run; its log has them all */
        LIMIT_ORACLE_PASSWORD_BYTES = 30,      /* of an account of Oracle, up to 19c */
        LIMIT_LOG_RING_LINES = 1024,
        LIMIT_LOG_LINE_BYTES = 8192,
        LIMIT_LIST_PAGE = 1000,
        LIMIT_CACHE_ROWS = 100000,    /* what control objects said, kept on disk; the oldest go */
        LIMIT_LISTING_NAMES = 500000, /* of one store listing */
        LIMIT_LISTING_PAGE = 2000,    /* names a listing of Swift asks for at once */
        LIMIT_LISTING_PAGE_BYTES = 16 * 1024 * 1024,
        LIMIT_ANSWER_BYTES = 4 * 1024 * 1024, /* any other answer of Swift or Keystone */
        LIMIT_MANIFEST_SEGMENTS = 10000,      /* of one manifest, whatever the cluster allows */
        LIMIT_STORE_MISMATCHES = 5,           /* in a row, before damage counts as lasting */
        LIMIT_CREDENTIAL_BYTES = 64 * 1024,
        LIMIT_CHAIN_LINKS = 1000,                  /* of a level 0 and what is based on it */
        LIMIT_SMALL_FILE_BYTES = 64 * 1024 * 1024, /* a parameter, password or network file */
};
