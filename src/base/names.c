/* What may become part of a path, a script or a URL, and UTF-8 (base/strings.h). */
#include <fnmatch.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"

static const char letters_and_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool is_continuation(char c) {
        return ((uint8_t)c & 0xc0) == 0x80;
}

/* RFC 3629, section 4: the second byte's range excludes overlong forms, surrogates and what is
 * beyond U+10FFFF. */
size_t utf8_character(const char *string, size_t size) {
        uint8_t first, second;

        if (size == 0)
                return 0;
        first = (uint8_t)string[0];
        if (first < 0x80)
                return 1;
        if (first < 0xc2 || first > 0xf4 || size < 2 || !is_continuation(string[1]))
                return 0;
        if (first < 0xe0)
                return 2;
        second = (uint8_t)string[1];
        if (size < 3 || !is_continuation(string[2]) || (first == 0xe0 && second < 0xa0) ||
            (first == 0xed && second > 0x9f))
                return 0;
        if (first < 0xf0)
                return 3;
        if (size < 4 || !is_continuation(string[3]) || (first == 0xf0 && second < 0x90) ||
            (first == 0xf4 && second > 0x8f))
                return 0;
        return 4;
}

bool utf8_valid(const char *string) {
        size_t left = strlen(string);

        while (left > 0) {
                size_t size = utf8_character(string, left);

                if (size == 0)
                        return false;
                string += size;
                left -= size;
        }
        return true;
}

static bool is_control(const char *character) {
        uint8_t first = (uint8_t)character[0];

        if (first < 0x20 || first == 0x7f)
                return true;
        return first == 0xc2 && (uint8_t)character[1] < 0xa0; /* U+0080 to U+009F */
}

bool text_is_printable(const char *string) {
        if (!utf8_valid(string))
                return false;
        for (; *string != '\0'; string++)
                if (is_control(string))
                        return false;
        return true;
}

static bool is_letter_or_digit(char c) {
        return c != '\0' && strchr(letters_and_digits, c) != NULL;
}

static bool name_valid(const char *name, const char *others, size_t max_bytes) {
        size_t n = 0;

        for (; name[n] != '\0' && n <= max_bytes; n++)
                if (!is_letter_or_digit(name[n]) && strchr(others, name[n]) == NULL)
                        return false;
        return n > 0 && n <= max_bytes;
}

bool sid_valid(const char *sid) {
        return sid != NULL && name_valid(sid, "_$#", LIMIT_SID_BYTES);
}

bool instance_valid(const char *instance) {
        return instance != NULL && is_letter_or_digit(instance[0]) &&
               name_valid(instance, "._-", LIMIT_INSTANCE_BYTES);
}

bool backup_id_valid(const char *id) {
        static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        if (id == NULL || strlen(id) != sizeof(shape) - 1)
                return false;
        for (size_t i = 0; id[i] != '\0'; i++) {
                if (shape[i] == '-' ? id[i] != '-' : strchr("0123456789abcdef", id[i]) == NULL)
                        return false;
        }
        return true;
}

static bool component_is_clean(const char *component, size_t length) {
        if (length == 0 || (length == 1 && component[0] == '.'))
                return false;
        return !(length == 2 && component[0] == '.' && component[1] == '.');
}

bool path_is_clean(const char *path) {
        if (path == NULL || path[0] != '/' || strlen(path) > LIMIT_PATH_BYTES ||
            !text_is_printable(path))
                return false;
        while (*path == '/') {
                size_t length = strcspn(++path, "/");

                if (!component_is_clean(path, length))
                        return false;
                path += length;
        }
        return true;
}

bool glob_matches(const char *pattern, const char *string) {
        return fnmatch(pattern, string, 0) == 0;
}
