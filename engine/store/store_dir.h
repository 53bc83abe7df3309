/* The data directory: made or examined, then held against a second process by a lock file that
 * names the holder's pid. */
#ifndef ENGINE_STORE_STORE_DIR_H
#define ENGINE_STORE_STORE_DIR_H

#include "base/err.h"
#include "base/fault.h"

/* *lock is held while open. ERR_DENIED: owner or mode; ERR_CONFLICT: in use; ERR_IO. */
MUST_CHECK enum err store_dir_take(const char *dir, int *lock, struct fault *fault);
void store_dir_give(int lock);

/* So that names made in the directory survive a power cut. */
MUST_CHECK enum err store_dir_sync(const char *dir, struct fault *fault);

#endif
