/* Small questions about a line of RMAN's output. Private to output.c and output-stack.c; pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* "ORA-19809: limit ..": fills ret_code and returns the message, NULL when it is no such line. */
const char *rman_parse_code(const char *text, char ret_code[ERROR_CODE_BYTES]);
/* Copies what fits, with a NUL. */
void rman_copy(char *ret, size_t size, const char *text, size_t length);
/* The last place of word in the first length bytes, NULL: none. */
const char *rman_last_of(const char *text, size_t length, const char *word);
/* The number text begins with; 0 when it begins with none or a larger one. */
uint32_t rman_number_at(const char *text);
/* What follows "RMAN> 2> 3> ". */
const char *rman_strip_prompts(const char *line);
