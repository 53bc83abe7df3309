/* The one list of errors. Return value and whole story: no errno, no detail kept aside. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
#define ERR(name, text) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

/* A sentence for people. Static; never NULL. */
const char *err_text(enum err err);

/* Lower-case label for counters and JSON, for example "cipher_length". Static; never NULL. */
const char *err_label(enum err err);

#endif
