/* The listing of the directory driver: files two levels below the root, without what is hidden or
 * not whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/strings.h"
#include "store/directory-place.h"

enum { LEVELS = 2 };

typedef struct Listing {
        DirectoryTask *task;
        Error *err;
} Listing;

static int list_directory(Listing *listing, int fd, const char *name, int level);

static int add_entry(Listing *listing, const char *name, const struct stat *st) {
        uint64_t seconds = st->st_mtim.tv_sec > 0 ? (uint64_t)st->st_mtim.tv_sec : 0;
        const StoreEntry entry = {
                .name = name,
                .size = (uint64_t)st->st_size,
                .modified_usec = seconds * 1000000 + (uint64_t)st->st_mtim.tv_nsec / 1000,
        };
        return store_entries_add(
                &listing->task->entries, &entry, listing->task->root, listing->err);
}

/* Can something below `directory` begin with the prefix? */
static bool may_hold(const char *directory, const char *prefix) {
        size_t length = strlen(directory);
        if (strlen(prefix) <= length)
                return string_starts_with(directory, prefix);
        return string_starts_with(prefix, directory) && prefix[length] == '/';
}

/* Segments on their way and temporary files are no objects; what is not ours to read (lost+found)
 * is no instance. */
static bool is_visible(const char *component, int level) {
        if (component[0] == '.' || string_ends_with(component, ".part"))
                return false;
        return level > 0 || instance_valid(component);
}

/* What vanished since readdir() was never there. */
static int list_one(Listing *listing, int fd, const char *component, const char *name, int level) {
        struct stat st;
        if (fstatat(fd, component, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0
                                       : directory_failed(-errno, "Reading", name, listing->err);
        if (S_ISREG(st.st_mode) && level == LEVELS &&
            string_starts_with(name, listing->task->asked.name))
                return add_entry(listing, name, &st);
        if (!S_ISDIR(st.st_mode) || level == LEVELS || !may_hold(name, listing->task->asked.name))
                return 0;
        int child = openat(fd, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0)
                return errno == ENOENT ? 0
                                       : directory_failed(-errno, "Reading", name, listing->err);
        return list_directory(listing, child, name, level + 1);
}

static int list_component(
        Listing *listing, DIR *stream, const char *directory, const char *component, int level) {
        if (!is_visible(component, level))
                return 0;
        CLEANUP(cleanup_free)
        char *name = *directory == '\0' ? strdup(component)
                                        : string_printf("%s/%s", directory, component);
        if (name == NULL)
                return error_oom(listing->err);
        return list_one(listing, dirfd(stream), component, name, level);
}

/* Takes the descriptor. */
static int list_directory(Listing *listing, int fd, const char *name, int level) {
        DIR *stream = fdopendir(fd);
        struct dirent *entry = NULL;
        int r = 0;
        if (stream == NULL) {
                r = directory_failed(-errno, "Reading", listing->task->root, listing->err);
                close(fd);
                return r;
        }
        while (r == 0 && (errno = 0, entry = readdir(stream)) != NULL)
                r = list_component(listing, stream, name, entry->d_name, level);
        if (r == 0 && entry == NULL && errno != 0)
                r = directory_failed(-errno, "Reading", listing->task->root, listing->err);
        closedir(stream);
        return r;
}

int directory_list(DirectoryTask *task, Error *err) {
        Listing listing = {.task = task, .err = err};
        int fd;
        int r = directory_open_root(task, &fd, err);
        if (r < 0)
                return r;
        r = list_directory(&listing, fd, "", 0);
        if (r == 0)
                store_entries_sort(&task->entries);
        return r;
}
