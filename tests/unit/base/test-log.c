/* base/log.c. The journal is a function of this file that takes its place; stderr is a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "base/strings.h"
#include "unit/test.h"

static Text journal; /* written by the log's thread, read after log_stop() */
static int journal_result;

int sd_journal_sendv(const struct iovec *fields, int n) {
        if (journal_result < 0)
                return journal_result;
        for (int i = 0; i < n; i++) {
                text_append_bytes(&journal, fields[i].iov_base, fields[i].iov_len);
                text_append(&journal, "\n");
        }
        return 0;
}

typedef struct Fixture {
        int saved_stderr;
        int pipe[2];
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f.saved_stderr = dup(STDERR_FILENO);
        assert_int_equal(pipe2(f.pipe, O_CLOEXEC), 0);
        dup2(f.pipe[1], STDERR_FILENO);
        journal = TEXT_INIT;
        journal_result = 0;
        unsetenv("JOURNAL_STREAM");
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        log_stop();
        dup2(f->saved_stderr, STDERR_FILENO);
        close(f->saved_stderr);
        close(f->pipe[0]);
        close(f->pipe[1]);
        text_done(&journal);
        return 0;
}

/* All that was printed, once nobody holds the writing end any more. */
static char *printed(Fixture *f) {
        Text text = TEXT_INIT;
        char bytes[4096];
        ssize_t n;

        dup2(f->saved_stderr, STDERR_FILENO);
        close(f->pipe[1]);
        f->pipe[1] = -1;
        while ((n = read(f->pipe[0], bytes, sizeof(bytes))) > 0)
                text_append_bytes(&text, bytes, (size_t)n);
        return text_take(&text);
}

static void a_line_on_stderr_has_level_message_and_fields(void **state) {
        CLEANUP(cleanup_free) char *text = NULL;
        Error err = {0};
        LogFields fields = {
                .job = 3,
                .backup = "id",
                .segment = "00000017",
                .error = &err,
                .phase = "",
                .bytes = 5};

        error_set(&err, ERROR_STORE_UNAVAILABLE, -EIO, "HTTP status 503");
        err.http_status = 503;
        assert_int_equal(log_start(LOG_TARGET_AUTO, LOG_LEVEL_INFO, NULL), 0);
        log_warning(&fields, "Segment %d not stored", 17);
        log_info(NULL, "two\nlines");
        log_debug(NULL, "not shown");
        log_set_level(LOG_LEVEL_DEBUG);
        log_debug(NULL, "shown");
        log_stop();
        text = printed(*state);
        assert_string_equal(
                text,
                "WARNING Segment 17 not stored: HTTP status 503 ORABACKUP_JOB=3 "
                "ORABACKUP_BACKUP=id ORABACKUP_SEGMENT=00000017 "
                "ORABACKUP_ERROR=org.orabackup1.Error.StoreUnavailable "
                "ORABACKUP_HTTP_STATUS=503 ORABACKUP_BYTES=5\n"
                "INFO two lines\n"
                "DEBUG shown\n");
}

static void every_field_has_its_name(void **state) {
        Error err = {.kind = ERROR_NO_SPACE, .ora_code = "ORA-19809", .message = "full"};
        const LogFields fields = {
                .job = 1,
                .backup = "b",
                .instance = "i",
                .database = "d",
                .phase = "rman",
                .piece = "p",
                .segment = "s",
                .error = &err,
                .trans_id = "tx1",
                .bytes = 9,
                .message_id = MESSAGE_ID_BACKUP_FAILED,
        };

        assert_int_equal(log_start(LOG_TARGET_JOURNAL, LOG_LEVEL_ERR, NULL), 0);
        log_error(&fields, "m");
        log_stop();
        assert_string_equal(
                text_get(&journal),
                "MESSAGE=m: full\nPRIORITY=3\nSYSLOG_IDENTIFIER=orabackupd\n"
                "MESSAGE_ID=" MESSAGE_ID_BACKUP_FAILED "\nORABACKUP_JOB=1\nORABACKUP_BACKUP=b\n"
                "ORABACKUP_INSTANCE=i\nORABACKUP_DATABASE=d\nORABACKUP_PHASE=rman\n"
                "ORABACKUP_PIECE=p\nORABACKUP_SEGMENT=s\n"
                "ORABACKUP_ERROR=org.orabackup1.Error.NoSpace\nORABACKUP_ORA_CODE=ORA-19809\n"
                "ORABACKUP_TRANS_ID=tx1\nORABACKUP_BYTES=9\n");
}

static void stderr_that_is_the_journal_is_recognised(void **state) {
        char stream[64];
        struct stat st;

        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%lu:%lu", st.st_dev, st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        assert_int_equal(log_start(LOG_TARGET_AUTO, LOG_LEVEL_INFO, NULL), 0);
        log_info(NULL, "hello");
        log_stop();
        assert_non_null(strstr(text_get(&journal), "MESSAGE=hello\n"));
}

static void an_inherited_journal_stream_does_not_count(void **state) {
        CLEANUP(cleanup_free) char *text = NULL;

        setenv("JOURNAL_STREAM", "1:1", 1);
        assert_int_equal(log_start(LOG_TARGET_AUTO, LOG_LEVEL_INFO, NULL), 0);
        log_info(NULL, "hello");
        log_stop();
        text = printed(*state);
        assert_string_equal(text, "INFO hello\n");
        assert_string_equal(text_get(&journal), "");
}

static void a_journal_that_refuses_gives_way_to_stderr(void **state) {
        CLEANUP(cleanup_free) char *text = NULL;

        journal_result = -EPIPE;
        assert_int_equal(log_start(LOG_TARGET_JOURNAL, LOG_LEVEL_INFO, NULL), 0);
        log_notice(NULL, "hello");
        log_stop();
        text = printed(*state);
        assert_string_equal(text, "NOTICE hello\n");
}

static void a_long_line_is_cut_at_a_character_and_keeps_its_fields(void **state) {
        static char message[3 * LIMIT_LOG_LINE_BYTES];
        CLEANUP(cleanup_free) char *text = NULL;

        while (strlen(message) + 4 < sizeof(message))
                strcat(message, "\xe2\x82\xac");
        assert_int_equal(log_start(LOG_TARGET_STDERR, LOG_LEVEL_INFO, NULL), 0);
        log_info((&(LogFields){.job = 7, .piece = message, .bytes = 1}), "%s", message);
        log_stop();
        text = printed(*state);
        assert_true(strlen(text) <= LIMIT_LOG_LINE_BYTES + 16);
        assert_non_null(strstr(text, "ORABACKUP_JOB=7"));
        assert_true(utf8_valid(text));
}

static void a_log_that_hangs_drops_lines_counts_them_and_says_so(void **state) {
        enum { LINES = 3 * LIMIT_LOG_RING_LINES };
        CLEANUP(cleanup_free) char *filler = malloc(1 << 20), *text = NULL;
        unsigned long dropped = 0, seen = 0;
        Fixture *f = *state;
        ssize_t n;
        char *at;

        /* The pipe is full before the first line: the writer hangs in it. */
        memset(filler, '.', 1 << 20);
        assert_int_equal(fcntl(f->pipe[1], F_SETFL, O_NONBLOCK), 0);
        while ((n = write(f->pipe[1], filler, 1 << 20)) > 0)
                ;
        assert_int_equal(fcntl(f->pipe[1], F_SETFL, 0), 0);
        assert_int_equal(log_start(LOG_TARGET_STDERR, LOG_LEVEL_INFO, NULL), 0);
        for (int i = 0; i < LINES; i++)
                log_info(NULL, "line %d", i); /* never waits, or this test never ends */
        /* Let go: read until the sentence about the loss. */
        {
                Text all = TEXT_INIT;
                char bytes[4096];

                while (strstr(text_get(&all), "were dropped") == NULL) {
                        n = read(f->pipe[0], bytes, sizeof(bytes));
                        assert_true(n > 0);
                        text_append_bytes(&all, bytes, (size_t)n);
                }
                text = text_take(&all);
        }
        log_stop();
        for (at = text; (at = strstr(at, "INFO line ")) != NULL; at++)
                seen++;
        at = strstr(text, "WARNING ");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "WARNING %lu log lines were dropped", &dropped), 1);
        assert_int_equal(seen + dropped, LINES);
        assert_in_range(seen, LIMIT_LOG_RING_LINES, LIMIT_LOG_RING_LINES + 1);
}

static void *log_many(void *userdata) {
        for (int i = 0; i < 100; i++)
                log_info((&(LogFields){.job = (uint32_t)i + 1}), "line %d", i);
        return NULL;
}

static void any_thread_may_log(void **state) {
        pthread_t threads[4];
        size_t lines = 0;

        assert_int_equal(log_start(LOG_TARGET_JOURNAL, LOG_LEVEL_INFO, NULL), 0);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
        for (size_t i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        log_stop();
        for (const char *at = text_get(&journal); (at = strstr(at, "MESSAGE=line")) != NULL; at++)
                lines++;
        assert_int_equal(lines, 400);
}

static void a_log_is_started_once_and_silent_without(void **state) {
        Error err = {0};

        log_info(NULL, "nobody hears");
        log_stop();
        assert_int_equal(log_start(LOG_TARGET_JOURNAL, LOG_LEVEL_INFO, &err), 0);
        assert_int_equal(log_start(LOG_TARGET_JOURNAL, LOG_LEVEL_INFO, &err), -EALREADY);
        log_stop();
        log_info(NULL, "nobody hears");
        assert_string_equal(text_get(&journal), "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_line_on_stderr_has_level_message_and_fields),
                TEST(every_field_has_its_name),
                TEST(stderr_that_is_the_journal_is_recognised),
                TEST(an_inherited_journal_stream_does_not_count),
                TEST(a_journal_that_refuses_gives_way_to_stderr),
                TEST(a_long_line_is_cut_at_a_character_and_keeps_its_fields),
                TEST(a_log_that_hangs_drops_lines_counts_them_and_says_so),
                TEST(any_thread_may_log),
                TEST(a_log_is_started_once_and_silent_without),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
