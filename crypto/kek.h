/* Key-encryption key: wraps keys and unciphered packets at rest (AES-256-GCM, random nonce).
 *
 *   wrapped = nonce (12) | ciphertext (in.len) | tag (16);  the caller's span is bound in as AAD
 *
 * Lives in secret memory, wiped on drop. One owner at a time, like its lanes. */
#ifndef CRYPTO_KEK_H
#define CRYPTO_KEK_H

#include "base/fault.h"
#include "crypto/lanes.h"

#define KEK_LEN 32
#define KEK_OVERHEAD (LANES_GCM_NONCE + LANES_GCM_TAG)

struct kek;

/* Loads a file of 32 octets, or of 64 hex digits with at most one newline. NULL with `fault` set
 * when it cannot be read, is not a regular file, has another size or may be read by group or
 * others. */
struct kek *kek_load(const char *path, struct fault *fault);

/* From 32 octets already at hand (a credential, a test); the caller wipes its own. */
struct kek *kek_from(const uint8_t key[KEK_LEN], struct fault *fault);

void kek_drop(struct kek *kek);

/* `out` has in.len + KEK_OVERHEAD octets. ERR_IO when the system gives no random octets. */
MUST_CHECK enum err kek_wrap(struct kek *kek, struct lanes *lanes, struct span aad, struct span in,
                             uint8_t *out);

/* `out` has wrapped.len - KEK_OVERHEAD octets. ERR_SHORT, or ERR_CORRUPT when key, AAD or octets
 * are not those that were wrapped; `out` is then zero. */
MUST_CHECK enum err kek_unwrap(struct kek *kek, struct lanes *lanes, struct span aad,
                               struct span wrapped, uint8_t *out);

/* Tells whether secrets are the same ones without keeping them: an AES-CMAC under a key derived from
 * the KEK, so that who has only the fingerprint cannot try guesses. */
#define KEK_FINGERPRINT_LEN LANES_MAC_LEN
void kek_fingerprint(const struct kek *kek, struct lanes *lanes, struct span in,
                     uint8_t out[KEK_FINGERPRINT_LEN]);

#endif
