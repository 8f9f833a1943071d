/* Bech32 (BIP 173, checksum constant 1) as age uses it: no limit of 90 characters, one letter case,
 * padding bits zero. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes `prefix`1<data><checksum> in lower case; prefix is lower case. -ENOBUFS when it does not
 * fit ret_size. */
int bech32_encode(
        const char *prefix, const uint8_t *bytes, size_t size, char *ret, size_t ret_size);

/* Decodes exactly `size` bytes whose prefix (given in lower case) is `prefix`. -EINVAL: not Bech32,
 * another prefix or another size. */
int bech32_decode(const char *text, size_t length, const char *prefix, uint8_t *ret, size_t size);
