/* See child.h. A ChildFake outlives its Child so that a test can still look at it. */
#include "fakes/child.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"

enum { CHILDREN_MAX = 256 };

struct ChildRunner {
        Loop *loop;
        size_t n_children;
};

struct ChildFake {
        Child *child; /* NULL: freed */
        StringList argv, environment;
        char *directory;
        Text input;
        size_t scripted; /* bytes of input that on_input has seen */
        bool input_closed, ended;
        int signal;
};

struct Child {
        ChildFake *fake;
        ChildRunner *runner;
        ChildOptions options; /* only the calls and userdata are used */
};

typedef struct Script {
        ChildFake *children[CHILDREN_MAX];
        size_t n;
        void (*on_start)(ChildFake *child, void *userdata);
        void *on_start_userdata;
        void (*on_input)(ChildFake *child, const char *input, void *userdata);
        void *on_input_userdata;
        Error next_failure;
        bool input_queued;
} Script;

/* One test at a time. */
static Script script;

size_t child_fake_count(void) {
        return script.n;
}

ChildFake *child_fake_at(size_t index) {
        assert(index < script.n);
        return script.children[index];
}

ChildFake *child_fake_last(void) {
        assert(script.n > 0);
        return script.children[script.n - 1];
}

const char *child_fake_argument(const ChildFake *child, size_t index) {
        return index < child->argv.n ? child->argv.items[index] : NULL;
}

const char *child_fake_variable(const ChildFake *child, const char *name) {
        size_t length = strlen(name);

        for (size_t i = 0; i < child->environment.n; i++) {
                const char *item = child->environment.items[i];

                if (strncmp(item, name, length) == 0 && item[length] == '=')
                        return item + length + 1;
        }
        return NULL;
}

const char *child_fake_directory(const ChildFake *child) {
        return child->directory;
}

const char *child_fake_input(const ChildFake *child) {
        return text_get(&child->input);
}

bool child_fake_input_closed(const ChildFake *child) {
        return child->input_closed;
}

int child_fake_signal(const ChildFake *child) {
        return child->signal;
}

bool child_fake_is_running(const ChildFake *child) {
        return child->child != NULL && !child->ended;
}

bool child_fake_is_freed(const ChildFake *child) {
        return child->child == NULL;
}

static void say(ChildFake *child, const char *line, size_t length, bool cut) {
        CLEANUP(cleanup_free) char *copy = NULL;

        if (!child_fake_is_running(child))
                return;
        copy = strndup(line, length); /* as short-lived as the real one */
        assert(copy != NULL);
        child->child->options.on_line(copy, length, cut, child->child->options.userdata);
}

void child_fake_line(ChildFake *child, const char *line) {
        assert(strchr(line, '\n') == NULL);
        say(child, line, strlen(line), false);
}

void child_fake_lines(ChildFake *child, const char *text) {
        while (*text != '\0') {
                size_t length = strcspn(text, "\n");

                say(child, text, length, false);
                text += length + (text[length] == '\n' ? 1 : 0);
        }
}

void child_fake_cut_line(ChildFake *child, const char *line) {
        say(child, line, strlen(line), true);
}

static void end(ChildFake *child, const ChildExit *how, const Error *err) {
        if (!child_fake_is_running(child))
                return;
        child->ended = true;
        child->child->options.on_exit(how, err, child->child->options.userdata);
}

void child_fake_exit(ChildFake *child, int status) {
        end(child, &(ChildExit){.status = status}, NULL);
}

void child_fake_killed(ChildFake *child, int signal_number) {
        end(child, &(ChildExit){.status = -1, .signal = signal_number}, NULL);
}

void child_fake_lost(ChildFake *child, const char *message) {
        Error err = {0};

        error_set(&err, ERROR_ORACLE, -ECONNRESET, "%s", message);
        end(child, NULL, &err);
}

void child_fake_on_start(void (*on_start)(ChildFake *child, void *userdata), void *userdata) {
        script.on_start = on_start;
        script.on_start_userdata = userdata;
}

void child_fake_on_input(
        void (*on_input)(ChildFake *child, const char *input, void *userdata), void *userdata) {
        script.on_input = on_input;
        script.on_input_userdata = userdata;
}

void child_fake_fail_next_start(const Error *err) {
        script.next_failure = *err;
}

void child_fake_keep_input_queued(bool queued) {
        script.input_queued = queued;
}

static void fake_free(ChildFake *fake) {
        string_list_done(&fake->argv);
        string_list_done(&fake->environment);
        free(fake->directory);
        text_done(&fake->input);
        free(fake);
}

void child_fake_reset(void) {
        for (size_t i = 0; i < script.n; i++) {
                assert(script.children[i]->child == NULL);
                fake_free(script.children[i]);
        }
        script = (Script){0};
}

int child_runner_new(Loop *loop, const ChildRunnerOptions *options, ChildRunner **ret, Error *err) {
        ChildRunner *runner = calloc(1, sizeof(*runner));

        if (runner == NULL)
                return error_oom(err);
        runner->loop = loop;
        *ret = runner;
        return 0;
}

ChildRunner *child_runner_free(ChildRunner *runner) {
        assert(runner == NULL || runner->n_children == 0);
        free(runner);
        return NULL;
}

static void copy_list(StringList *list, const char *const *items) {
        for (; *items != NULL; items++) {
                int r = string_list_add(list, *items);

                assert(r == 0);
                (void)r;
        }
}

/* Posted calls find their child by its place, as it may be gone by then. */
static void run_start_script(void *userdata) {
        size_t index = (size_t)(uintptr_t)userdata;

        if (index < script.n && script.on_start != NULL &&
            child_fake_is_running(script.children[index]))
                script.on_start(script.children[index], script.on_start_userdata);
}

int child_start(ChildRunner *runner, const ChildOptions *options, Child **ret, Error *err) {
        ChildFake *fake;
        Child *child;

        assert(options->argv[0][0] == '/' && options->environment != NULL);
        assert(options->on_line != NULL && options->on_exit != NULL);
        if (error_is_set(&script.next_failure)) {
                Error failure = script.next_failure;

                script.next_failure = (Error){0};
                return error_set(err, failure.kind, failure.r, "%s", failure.message);
        }
        assert(script.n < CHILDREN_MAX);
        fake = calloc(1, sizeof(*fake));
        child = calloc(1, sizeof(*child));
        assert(fake != NULL && child != NULL);
        *child = (Child){.fake = fake, .runner = runner, .options = *options};
        fake->child = child;
        copy_list(&fake->argv, options->argv);
        copy_list(&fake->environment, options->environment);
        fake->directory = options->directory != NULL ? strdup(options->directory) : NULL;
        script.children[script.n++] = fake;
        runner->n_children++;
        if (script.on_start != NULL)
                loop_post(runner->loop, run_start_script, (void *)(uintptr_t)(script.n - 1));
        *ret = child;
        return 0;
}

Child *child_free(Child *child) {
        if (child == NULL)
                return NULL;
        child->runner->n_children--;
        child->fake->child = NULL;
        free(child);
        return NULL;
}

static void run_input_script(void *userdata) {
        size_t index = (size_t)(uintptr_t)userdata;
        CLEANUP(cleanup_free) char *input = NULL;
        ChildFake *child;

        if (index >= script.n || script.on_input == NULL)
                return;
        child = script.children[index];
        if (!child_fake_is_running(child) || child->scripted == child->input.length)
                return;
        input = strdup(text_get(&child->input) + child->scripted);
        assert(input != NULL);
        child->scripted = child->input.length;
        script.on_input(child, input, script.on_input_userdata);
}

static void post_input(const Child *child) {
        size_t index = 0;

        if (script.on_input == NULL)
                return;
        while (script.children[index] != child->fake)
                index++;
        loop_post(child->runner->loop, run_input_script, (void *)(uintptr_t)index);
}

int child_write(Child *child, const void *bytes, size_t size, Error *err) {
        if (child->fake->ended)
                return error_set(err, ERROR_ORACLE, -EPIPE, "The program has ended");
        if (child->fake->input_closed)
                return error_set(err, ERROR_INTERNAL, -EPIPE, "The input was closed before");
        if (size > LIMIT_CHILD_STDIN_BYTES)
                return error_set(err, ERROR_INTERNAL, -ENOBUFS, "Too much input is queued");
        text_append_bytes(&child->fake->input, bytes, size);
        post_input(child);
        return 0;
}

int child_close_input(Child *child, Error *err) {
        child->fake->input_closed = true;
        return 0;
}

int child_signal(Child *child, int signal_number, Error *err) {
        if (child->fake->ended)
                return error_set(err, ERROR_ORACLE, -ESRCH, "The program has ended");
        child->fake->signal = signal_number;
        return 0;
}

bool child_has_input_queued(const Child *child) {
        return script.input_queued;
}
