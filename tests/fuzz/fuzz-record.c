/* A record that parses must print and parse again to the same bytes. */
#include <assert.h>
#include <string.h>

#include "repository/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Record record = {0}, again = {0};
        char *text = NULL, *text_again = NULL;
        size_t text_size, size_again;
        Error err = {0};
        if (record_parse((const char *)data, size, "record", &record, &err) < 0) {
                assert(error_is_set(&err));
                return 0;
        }
        if (record_print(&record, &text, &text_size, &err) == 0) {
                int r = record_parse(text, text_size, "record", &again, &err);
                assert(r == 0);
                r = record_print(&again, &text_again, &size_again, &err);
                assert(r == 0 && size_again == text_size);
                assert(memcmp(text, text_again, text_size) == 0);
                record_done(&again);
        }
        free(text);
        free(text_again);
        record_done(&record);
        return 0;
}
