/* The staging directory: there, writable, outside of the recovery areas, open to whom it must be
 * and with room for the next backup. Called by job/check on a worker. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"
#include "job/check-host.h"

enum { SHARED_MODE = 02770 };

static const char CHECK[] = "backup_dir";

static bool is_inside(const char *path, const char *directory) {
        size_t length = strlen(directory);

        while (length > 1 && directory[length - 1] == '/')
                length--;
        return strncmp(path, directory, length) == 0 &&
               (path[length] == '/' || path[length] == '\0');
}

/* A worker's try, since a mode tells nothing of ACLs and read-only file systems. */
static int try_write(const char *directory, Error *err) {
        char suffix[9];

        random_hex8(suffix);
        CLEANUP(cleanup_free) char *path = string_printf("%s/.check-%s", directory, suffix);
        if (path == NULL)
                return error_oom(err);
        int r = file_write_durably(path, "", 0, 0600, err);
        (void)unlink(path);
        return r;
}

static int check_place(const RoomCheck *check, struct stat *ret, Error *err) {
        const char *directory = check->config->backup_dir;

        if (stat(directory, ret) < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s", directory);
        if (!S_ISDIR(ret->st_mode))
                return error_set(err, ERROR_CONFIG, -ENOTDIR, "%s is no directory", directory);
        for (size_t i = 0; i < check->recovery_areas->n; i++)
                if (is_inside(directory, check->recovery_areas->items[i]))
                        return error_set(
                                err,
                                ERROR_CONFIG,
                                -EINVAL,
                                "%s lies inside the recovery area %s, which Oracle empties by "
                                "itself; name another directory",
                                directory,
                                check->recovery_areas->items[i]);
        return try_write(directory, err);
}

/* The server processes of Oracle write the pieces, as the owner of the home; this service reads
 * and removes them. */
static bool is_of_another(const RoomCheck *check) {
        struct stat st;

        for (size_t i = 0; i < check->homes->n; i++)
                if (stat(check->homes->items[i], &st) == 0 && st.st_uid != geteuid() &&
                    geteuid() != 0)
                        return true;
        return false;
}

static void judge_place(const RoomCheck *check) {
        const char *directory = check->config->backup_dir;
        struct stat st = {0};
        Error error = {0};

        if (check_place(check, &st, &error) < 0)
                advice_bad(
                        check->rows,
                        CHECK,
                        NULL,
                        ADVICE_ERROR,
                        "%s; backups are staged there: make it a directory of the service user, "
                        "mode 0750",
                        error.message);
        else if ((st.st_mode & S_IRWXO) != 0)
                advice_bad(
                        check->rows,
                        CHECK,
                        NULL,
                        ADVICE_WARNING,
                        "%s is open to everybody (mode %04o), and pieces lie there unencrypted: "
                        "chmod o-rwx",
                        directory,
                        (unsigned)(st.st_mode & 07777));
        else if (is_of_another(check) && (st.st_mode & SHARED_MODE) != SHARED_MODE)
                advice_bad(
                        check->rows,
                        CHECK,
                        NULL,
                        ADVICE_ERROR,
                        "the Oracle home belongs to another user than the service, and %s has mode "
                        "%04o: give it the group of Oracle and mode 2770",
                        directory,
                        (unsigned)(st.st_mode & 07777));
        else
                advice_good(check->rows, CHECK, NULL, "%s can be written to", directory);
}

static void judge_space(const RoomCheck *check) {
        const char *directory = check->config->backup_dir;
        uint64_t free_bytes = 0;
        Error error = {0};

        if (directory_space(directory, &free_bytes, &error) < 0)
                advice_bad(
                        check->rows,
                        "backup_dir_space",
                        NULL,
                        ADVICE_ERROR,
                        "%s; look why the file system does not tell its room",
                        error.message);
        else if (free_bytes < check->expected_bytes)
                advice_bad(
                        check->rows,
                        "backup_dir_space",
                        NULL,
                        ADVICE_ERROR,
                        "%s has %" PRIu64 " bytes free and the next full backup may need %" PRIu64
                        ": make room or name another backup_dir",
                        directory,
                        free_bytes,
                        check->expected_bytes);
        else
                advice_good(
                        check->rows,
                        "backup_dir_space",
                        NULL,
                        "%s has room for the next full backup",
                        directory);
}

void check_room(const RoomCheck *check) {
        judge_place(check);
        judge_space(check);
}
