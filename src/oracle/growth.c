/* The sign of life of a run that prints nothing for hours: one large piece or data file. The sum of
 * sizes alone would not do, a piece may be reserved in full and written later: blocks and times of
 * modification count too. A look that hangs on a sick mount is not repeated: no news. */
#include "oracle/growth.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { GROWTH_DEPTH_MAX = 8, GROWTH_FILES_MAX = 200000 };

typedef struct Look {
        Growth *growth;
        StringList directories;
        uint64_t signature;
        unsigned n_files;
        void (*on_changed)(void *userdata);
        void *userdata;
} Look;

struct Growth {
        WorkPool *files;
        StringList directories;
        Work *work;
        bool looked;
        uint64_t signature;
};

static void look_add(Look *look, uint64_t value) {
        look->signature = (look->signature ^ value) * 0x100000001b3U;
}

static void look_below(Look *look, int parent, const char *name, unsigned depth);

static void look_entry(Look *look, int fd, const char *name, unsigned depth) {
        struct stat st;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        if (S_ISDIR(st.st_mode) && depth < GROWTH_DEPTH_MAX) {
                look_below(look, fd, name, depth + 1);
                return;
        }
        look->n_files++;
        look_add(look, (uint64_t)st.st_ino);
        look_add(look, (uint64_t)st.st_size);
        look_add(look, (uint64_t)st.st_blocks);
        look_add(look, (uint64_t)st.st_mtim.tv_sec);
        look_add(look, (uint64_t)st.st_mtim.tv_nsec);
}

static void look_below(Look *look, int parent, const char *name, unsigned depth) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
        if (directory == NULL) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        for (const struct dirent *entry = readdir(directory);
             entry != NULL && look->n_files < GROWTH_FILES_MAX;
             entry = readdir(directory))
                look_entry(look, fd, entry->d_name, depth);
        closedir(directory);
}

static void look_run(void *userdata) {
        Look *look = userdata;
        look->signature = 0xcbf29ce484222325U;
        for (size_t i = 0; i < look->directories.n; i++)
                look_below(look, AT_FDCWD, look->directories.items[i], 0);
}

static void look_done(void *userdata) {
        const Look *look = userdata;
        Growth *growth = look->growth;
        growth->work = NULL;
        bool changed = growth->looked && growth->signature != look->signature;
        growth->looked = true;
        growth->signature = look->signature;
        if (changed)
                look->on_changed(look->userdata);
}

static void look_release(void *userdata) {
        Look *look = userdata;
        string_list_done(&look->directories);
        free(look);
}

void growth_look(Growth *growth, void (*on_changed)(void *userdata), void *userdata) {
        static const WorkFunctions functions = {look_run, look_done, look_release};
        Look *look = growth->work == NULL ? calloc(1, sizeof *look) : NULL;
        if (look == NULL)
                return;
        look->growth = growth;
        look->on_changed = on_changed;
        look->userdata = userdata;
        if (string_list_copy(&growth->directories, &look->directories) < 0 ||
            work_start(growth->files, &functions, look, &growth->work, NULL) < 0)
                look_release(look);
}

int growth_new(WorkPool *files, const StringList *directories, Growth **ret, Error *err) {
        Growth *growth = calloc(1, sizeof *growth);
        if (growth == NULL)
                return error_oom(err);
        growth->files = files;
        if (string_list_copy(directories, &growth->directories) < 0) {
                growth_free(growth);
                return error_oom(err);
        }
        *ret = growth;
        return 0;
}

Growth *growth_free(Growth *growth) {
        if (growth == NULL)
                return NULL;
        work_cancel(growth->work);
        string_list_done(&growth->directories);
        free(growth);
        return NULL;
}
