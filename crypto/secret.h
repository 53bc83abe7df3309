/* Memory for keys: locked, kept out of core dumps, zero at start, wiped before it goes back. */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "base/fault.h"

/* Whole pages of their own. NULL with `fault` set when the memory cannot be had or locked (it says
 * which limit to raise). */
void *secret_alloc(size_t len, struct fault *fault);

/* Wipes, unlocks, unmaps. NULL is ignored. `len` as it was asked for. */
void secret_free(void *secret, size_t len);

#endif
