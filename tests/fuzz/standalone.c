/* Runs a fuzz target over files without a fuzzer: each argument is a file or a directory of files.
 * This is how the corpus is part of the ordinary suite; with -Dfuzz=true libFuzzer's own main()
 * stands in its place. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path) {
        FILE *file = fopen(path, "rb");
        struct stat st;
        uint8_t *data;
        size_t size;

        if (file == NULL || fstat(fileno(file), &st) < 0) {
                perror(path);
                exit(EXIT_FAILURE);
        }
        /* Exactly as large as the input: a read beyond it is seen by the sanitizer. */
        size = (size_t)st.st_size;
        data = malloc(size > 0 ? size : 1);
        if (data == NULL || fread(data, 1, size, file) != size) {
                perror(path);
                exit(EXIT_FAILURE);
        }
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
        return 1;
}

static int run_directory(const char *path) {
        struct dirent **names;
        int n = scandir(path, &names, NULL, alphasort), runs = 0;

        if (n < 0) {
                perror(path);
                exit(EXIT_FAILURE);
        }
        for (int i = 0; i < n; i++) {
                char name[4096];

                snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
                if (names[i]->d_name[0] != '.')
                        runs += run_file(name);
                free(names[i]);
        }
        free(names);
        return runs;
}

int main(int argc, char **argv) {
        int runs = 0;

        for (int i = 1; i < argc; i++) {
                struct stat st;

                if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
                        runs += run_directory(argv[i]);
                else
                        runs += run_file(argv[i]);
        }
        if (runs == 0) {
                fprintf(stderr, "usage: %s FILE|DIRECTORY... (no input was run)\n", argv[0]);
                return EXIT_FAILURE;
        }
        printf("%d inputs\n", runs);
        return EXIT_SUCCESS;
}
