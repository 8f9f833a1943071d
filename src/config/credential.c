/* Credentials: files that systemd (or an operator) puts into CREDENTIALS_DIRECTORY. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/limits.h"
#include "config/config.h"

/* NULL when there is no such directory, or no memory. */
static char *credential_path(const char *name) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        if (directory == NULL || directory[0] != '/' || strchr(name, '/') != NULL)
                return NULL;
        return path_join(directory, name);
}

bool credential_exists(const char *name) {
        CLEANUP(cleanup_free) char *path = credential_path(name);
        return path != NULL && access(path, F_OK) == 0;
}

static int absent(const char *name, Error *err) {
        return error_set(
                err,
                ERROR_CONFIG,
                -ENOENT,
                "credential '%s' is missing: give it with LoadCredential=%s:FILE in the unit, or "
                "as "
                "a file in the directory CREDENTIALS_DIRECTORY names",
                name,
                name);
}

/* Who may read the file decides, not where it lies: checked on the open file. */
static int check_mode(int fd, const char *path, Error *err) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "cannot look at %s", path);
        if (st.st_mode & (S_IROTH | S_IWOTH))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EPERM,
                        "%s holds a secret and has mode %04o, allowed: none for others (chmod "
                        "0600)",
                        path,
                        (unsigned)(st.st_mode & 07777));
        return 0;
}

int credential_read(const char *name, char **ret, size_t *ret_size, Error *err) {
        if (!credential_exists(name))
                return absent(name, err);
        CLEANUP(cleanup_free) char *path = credential_path(name);
        if (path == NULL)
                return error_oom(err);
        CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "cannot open %s", path);
        int r = check_mode(fd, path, err);
        if (r < 0)
                return r;
        return file_read_fd(
                fd,
                &(FileExpected){path, LIMIT_CREDENTIAL_BYTES, ERROR_CONFIG},
                ret,
                ret_size,
                err);
}
