/* Which form everything in a store has: written once, when the store is made, and held against the
 * program's own at each start. Raise STORE_FORMAT with every change of a key or a record that lies in a
 * store: none is ever read by a program that would take it for something else. */
#ifndef ENGINE_STORE_FORMAT_H
#define ENGINE_STORE_FORMAT_H

#include "engine/store/store.h"

#define STORE_FORMAT 2u /* 1: written before the number was */

/* Right after the tables were opened. ERR_UNSUPPORTED, or that of the store, with `fault`. */
MUST_CHECK enum err store_format_check(struct store *store, const char *dir, struct fault *fault);

#endif
