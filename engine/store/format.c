/* The store's format number, in META. */
#include "engine/store/format.h"

#include "engine/store/table.h"

#include <inttypes.h>

#define META_FORMAT "format"

static bool is_empty(struct store_txn *txn)
{
    for (unsigned table = 0; table < TABLE_COUNT; table++)
        if (table_count(txn, (enum table_id)table) > 0)
            return false;
    return true;
}

/* An empty store gets our number. */
static enum err format_of(struct store_txn *txn, uint64_t *format)
{
    struct span value;
    enum err err = table_get(txn, TABLE_META, span_text(META_FORMAT), &value);
    if (err == ERR_OK) {
        *format = table_key_number(value);
        return ERR_OK;
    }
    if (err != ERR_UNKNOWN)
        return err;
    *format = is_empty(txn) ? STORE_FORMAT : 1;
    if (*format != STORE_FORMAT)
        return ERR_OK;
    struct table_key number = table_key_u64(STORE_FORMAT);
    return table_put(txn, TABLE_META, span_text(META_FORMAT), table_key_span(&number));
}

enum err store_format_check(struct store *store, const char *dir, struct fault *fault)
{
    struct store_txn *txn;
    uint64_t format = 0;
    enum err err = store_txn_begin(store, STORE_WRITE, &txn);
    if (err == ERR_OK) {
        err = format_of(txn, &format);
        if (err == ERR_OK && format == STORE_FORMAT)
            err = store_txn_commit(txn);
        else
            store_txn_abort(txn);
    }
    if (err != ERR_OK) {
        fault_set(fault, "the format of the store in %s cannot be read: %s; %s", dir, err_text(err),
                  err == ERR_FULL ? "free some space on its file system"
                                  : "if data.mdb is damaged, put a copy of the directory in its "
                                    "place");
        return err;
    }
    if (format == STORE_FORMAT)
        return ERR_OK;
    fault_set(fault,
              "the store in %s has format %" PRIu64 ", this program reads format %u: start the "
              "version of the program that wrote it, or set data_dir to an empty directory and "
              "register the devices again",
              dir, format, STORE_FORMAT);
    return ERR_UNSUPPORTED;
}
