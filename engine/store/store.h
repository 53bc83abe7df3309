/* The store: one data directory, one LMDB environment, transactions (design §5).
 *
 * Tables (engine/store/table.h) and logs (engine/store/log.h) live in it. Each value ends with a
 * CRC-32C over value and key; a record that does not match it is moved to the quarantine by the
 * next writing transaction that meets it, counted and logged; the others are served on.
 *
 * One thread writes: before the threads run it is the main thread, then the store thread. Any
 * thread may read; no reading transaction outlives a turn. A commit returns when it is on disk. */
#ifndef ENGINE_STORE_STORE_H
#define ENGINE_STORE_STORE_H

#include "base/fault.h"
#include "base/span.h"

struct store;
struct store_txn;

#define STORE_MAP_SIZE (64ull << 30) /* address space, not memory or disk */

enum store_mode { STORE_READ, STORE_WRITE };

/* Opens or makes the data directory (0700). NULL with `fault` set: not a directory, another owner,
 * open to group or others, in use by another process (whose pid is named), damaged, of another format
 * (format.h). */
struct store *store_open(const char *dir, struct fault *fault);
/* The same with a map of another size: the data file can grow to it, STORE_MAP_SIZE otherwise. */
struct store *store_open_sized(const char *dir, uint64_t map_size, struct fault *fault);
void store_close(struct store *store);

/* ERR_IO; ERR_FULL when a bound of the environment is met. */
MUST_CHECK enum err store_txn_begin(struct store *store, enum store_mode mode,
                                    struct store_txn **out);
/* Ends the transaction either way. Writing: durable when ERR_OK; otherwise nothing of it happened:
 * ERR_FULL (disk or map full), ERR_IO. */
MUST_CHECK enum err store_txn_commit(struct store_txn *txn);
void store_txn_abort(struct store_txn *txn);

/* The first error after which the transaction can only be aborted; ERR_OK so far. Verdicts about
 * one record (ERR_UNKNOWN, ERR_CONFLICT, ERR_CORRUPT …) are not among them. */
enum err store_txn_err(const struct store_txn *txn);

/* Records moved to the quarantine since the store was opened. Any thread. */
uint64_t store_corrupt_count(const struct store *store);

/* Octets in use of the data file. */
uint64_t store_used(const struct store *store);

#endif
