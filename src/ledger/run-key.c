/* The key of a running backup beside what it sealed. A line per sealed segment is appended by the
 * sealing threads; who resumes reads the file as text. */
#include "ledger/run-key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/strings.h"

enum { BOOT_ID_BYTES = 64, ATTEMPT_DIGITS = 8, ID_BYTES = 36 };

struct RunKey {
        int fd;
        char *path;
};

static char *key_path(const char *directory, const char *backup_id, const char *attempt) {
        return string_printf("%s/%s.%s.key", directory, backup_id, attempt);
}

static int read_boot_id(char ret[BOOT_ID_BYTES], Error *err) {
        static const char path[] = "/proc/sys/kernel/random/boot_id";
        CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "%s", path);
        ssize_t n = read(fd, ret, BOOT_ID_BYTES - 1);
        if (n <= 0)
                return error_set_errno(err, ERROR_INTERNAL, n < 0 ? -errno : -EIO, "%s", path);
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
        return 0;
}

static void append_hex(Text *text, const void *bytes, size_t size) {
        const uint8_t *next = bytes;
        for (size_t i = 0; i < size; i++) {
                char digits[3];
                format_hex(&next[i], 1, digits);
                text_append_bytes(text, digits, 2);
        }
}

static int write_start(RunKey *run_key, const RunKeyStart *start, Error *err) {
        CLEANUP(text_wipe) Text text = TEXT_INIT;
        char boot_id[BOOT_ID_BYTES];
        int r = read_boot_id(boot_id, err);
        if (r < 0)
                return r;
        text_appendf(&text, "orabackup-key 1\nboot %s\nkey ", boot_id);
        append_hex(&text, start->key, 32);
        text_append(&text, "\nheader ");
        append_hex(&text, start->header, start->header_size);
        text_append(&text, "\n");
        if (text.failed)
                return error_oom(err);
        r = write_all(run_key->fd, text.data, text.length);
        if (r < 0)
                return error_set_errno(err, ERROR_INTERNAL, r, "Writing %s", run_key->path);
        return 0;
}

int run_key_create(
        const char *directory,
        const char *backup_id,
        const char *attempt,
        const RunKeyStart *start,
        RunKey **ret,
        Error *err) {
        CLEANUP(cleanup_run_key) RunKey *run_key = calloc(1, sizeof(*run_key));
        if (run_key == NULL)
                return error_oom(err);
        run_key->fd = -1;
        run_key->path = key_path(directory, backup_id, attempt);
        if (run_key->path == NULL)
                return error_oom(err);
        run_key->fd =
                open(run_key->path,
                     O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                     0600);
        if (run_key->fd < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Creating %s", run_key->path);
        int r = write_start(run_key, start, err);
        if (r < 0) {
                unlink(run_key->path);
                return r;
        }
        *ret = TAKE_PTR(run_key);
        return 0;
}

RunKey *run_key_free(RunKey *run_key) {
        if (run_key == NULL)
                return NULL;
        if (run_key->fd >= 0)
                close(run_key->fd);
        free(run_key->path);
        free(run_key);
        return NULL;
}

/* One write with O_APPEND: lines of several threads do not mix, and a crash leaves whole lines. */
int run_key_append(RunKey *run_key, uint64_t segment, uint64_t size, const char *md5, Error *err) {
        char line[128];
        int length = snprintf(
                line, sizeof(line), "segment %" PRIu64 " %" PRIu64 " %s\n", segment, size, md5);
        ssize_t n;
        do
                n = write(run_key->fd, line, (size_t)length);
        while (n < 0 && errno == EINTR);
        if (n != length)
                return error_set_errno(
                        err, ERROR_INTERNAL, n < 0 ? -errno : -ENOSPC, "Writing %s", run_key->path);
        return 0;
}

int run_key_remove(const char *directory, const char *backup_id, const char *attempt, Error *err) {
        CLEANUP(cleanup_free) char *path = key_path(directory, backup_id, attempt);
        if (path == NULL)
                return error_oom(err);
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Removing %s", path);
        return 0;
}

/* "<backup_id>.<attempt>.key" */
static bool is_key_name(const char *name) {
        char id[ID_BYTES + 1];
        if (strlen(name) != ID_BYTES + 1 + ATTEMPT_DIGITS + strlen(".key"))
                return false;
        memcpy(id, name, ID_BYTES);
        id[ID_BYTES] = '\0';
        return backup_id_valid(id) && name[ID_BYTES] == '.' && string_ends_with(name, ".key");
}

int run_key_remove_all(const char *directory, Error *err) {
        DIR *stream = opendir(directory);
        int r = 0;
        if (stream == NULL)
                return errno == ENOENT
                               ? 0
                               : error_set_errno(
                                         err, ERROR_INTERNAL, -errno, "Reading %s", directory);
        for (struct dirent *entry; r == 0 && (entry = readdir(stream)) != NULL;)
                if (is_key_name(entry->d_name) && unlinkat(dirfd(stream), entry->d_name, 0) < 0 &&
                    errno != ENOENT)
                        r = error_set_errno(
                                err,
                                ERROR_INTERNAL,
                                -errno,
                                "Removing %s/%s",
                                directory,
                                entry->d_name);
        closedir(stream);
        return r;
}
