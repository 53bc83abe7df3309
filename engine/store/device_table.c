/* Devices in the store, and what is remembered of their key sets. */
#include "engine/store/device_table.h"

#include "base/log.h"
#include "crypto/ct.h"
#include "engine/device/device_record.h"
#include "engine/store/keys.h"
#include "engine/store/store_thread.h"

#define EDITION_MAX 0xFF
#define VERSION_KEY_LEN                                                                            \
    (EID_LEN + 1) /* of a key set's key: EID, role and version; then the edition */

static enum err keyset_row(struct store_txn *txn, const struct eid *eid, uint16_t id,
                           struct key_keyset *out)
{
    struct table_key key = key_of_keyset(eid, id);
    struct span value;
    *out = (struct key_keyset){ 0 };
    enum err err = table_get(txn, TABLE_KEYSETS, table_key_span(&key), &value);
    if (err == ERR_OK)
        err = key_keyset_read(value, out);
    return err == ERR_UNKNOWN ? ERR_OK : err;
}

static enum err keyset_row_put(struct store_txn *txn, const struct eid *eid, uint16_t id,
                               const struct key_keyset *row)
{
    uint8_t buf[32];
    struct writer w = writer_over(buf, sizeof buf);
    key_keyset_write(&w, row);
    struct table_key key = key_of_keyset(eid, id);
    return w.err != ERR_OK ? w.err
                           : table_put(txn, TABLE_KEYSETS, table_key_span(&key), written(&w));
}

enum err device_table_keyset_mark(struct store_txn *txn, const struct eid *eid, uint16_t id,
                                  uint8_t flags)
{
    struct key_keyset row;
    enum err err = keyset_row(txn, eid, id, &row);
    if (store_txn_err(txn) != ERR_OK)
        return err; /* a row that cannot be read is written anew */
    row.flags |= flags;
    return keyset_row_put(txn, eid, id, &row);
}

/* --- names --- */

static void fingerprint(struct apply *apply, const struct device *device, unsigned index,
                        uint8_t out[KEK_FINGERPRINT_LEN])
{
    const struct device_keyset *set = &device->keysets[index];
    uint8_t buf[EID_LEN + 8 + 2 * DEVICE_KEY_MAX];
    struct writer w = writer_over(buf, sizeof buf);
    writer_bytes(&w, span_of(device->eid.bytes, EID_LEN));
    writer_u8(&w, device->domains[set->domain].role);
    writer_u8(&w, set->kvn);
    writer_u8(&w, set->kic_algorithm);
    writer_u8(&w, set->kid_algorithm);
    writer_u8(&w, set->kic_len);
    writer_u8(&w, set->kid_len);
    writer_bytes(&w, span_of(set->kic, set->kic_len));
    writer_bytes(&w, span_of(set->kid, set->kid_len));
    ASSERT(w.err == ERR_OK);
    kek_fingerprint(apply->kek, apply->lanes, written(&w), out);
    wipe(buf, sizeof buf);
}

/* Among all that is remembered under one EID, domain and version. */
struct search {
    struct span version_key;
    uint8_t fingerprint[KEK_FINGERPRINT_LEN];
    int last; /* the greatest edition, -1: none */
    int same; /* the one with these keys, -1: none */
    uint64_t base;
};

/* ERR_CLOSED: another version's begin. */
static enum err search_visit(void *arg, struct span key, struct span value)
{
    struct search *search = arg;
    struct reader r = reader_over(key);
    if (!span_equal(reader_bytes(&r, VERSION_KEY_LEN), search->version_key))
        return ERR_CLOSED;
    uint8_t edition = reader_u8(&r);
    struct key_keyset row;
    enum err err = r.err != ERR_OK ? r.err : key_keyset_read(value, &row);
    if (err != ERR_OK)
        return ERR_CORRUPT;
    search->last = edition;
    if (row.has_left && ct_equal(row.fingerprint, search->fingerprint, KEK_FINGERPRINT_LEN)) {
        search->same = edition;
        search->base = row.cntr_base;
    }
    return ERR_OK;
}

static enum err lost_visit(void *arg, struct span key, struct span value)
{
    (void)value;
    const struct search *search = arg;
    struct span version_key = span_first(span_after(key, 1), VERSION_KEY_LEN);
    return key.bytes[0] == TABLE_KEYSETS && span_equal(version_key, search->version_key)
               ? ERR_CORRUPT
               : ERR_CLOSED;
}

/* ERR_CORRUPT: one of them is lost, which may be that of these keys. */
static enum err search_run(struct store_txn *txn, const struct table_key *first,
                           struct search *search)
{
    search->version_key = span_first(table_key_span(first), VERSION_KEY_LEN);
    search->last = search->same = -1;
    enum err err = table_scan(txn, TABLE_KEYSETS, table_key_span(first), search_visit, search);
    if (err != ERR_OK && err != ERR_CLOSED)
        return err;
    struct table_key lost = table_key_quarantined(TABLE_KEYSETS, table_key_span(first));
    err = table_scan(txn, TABLE_QUARANTINE, table_key_span(&lost), lost_visit, search);
    if (err == ERR_CORRUPT)
        log_error("store", "what was known of a device's earlier keys is corrupt: it can have no "
                           "other keys under that key set version; give it another version");
    return err == ERR_CLOSED ? ERR_OK : err;
}

static int index_of_version(const struct device *device, uint8_t role, uint8_t kvn)
{
    for (unsigned i = 0; i < device->keyset_count; i++)
        if (device->keysets[i].kvn == kvn &&
            device->domains[device->keysets[i].domain].role == role)
            return (int)i;
    return -1;
}

static void base_keep(struct device_keyset *set, uint64_t least)
{
    if (set->cntr_base < least)
        set->cntr_base = least;
}

/* Edition, base and flags of one key set of `updated`, which takes the place of `stored`. */
static enum err keyset_name(struct apply *apply, struct store_txn *txn, const struct device *stored,
                            struct device *updated, unsigned index)
{
    struct device_keyset *set = &updated->keysets[index];
    int old = index_of_version(stored, updated->domains[set->domain].role, set->kvn);
    if (old >= 0 && device_keyset_same(&stored->keysets[old], set)) {
        set->edition = stored->keysets[old].edition;
        base_keep(set, stored->keysets[old].cntr_base);
    } else {
        set->edition = 0;
        struct table_key first = key_of_keyset(&updated->eid, device_keyset_id(updated, index));
        struct search search = { 0 };
        fingerprint(apply, updated, index, search.fingerprint);
        enum err err = search_run(txn, &first, &search);
        if (err != ERR_OK)
            return err;
        if (old >= 0 && stored->keysets[old].edition > search.last)
            search.last = stored->keysets[old].edition;
        if (search.same < 0 && search.last == EDITION_MAX)
            return ERR_EDITIONS;
        set->edition = (uint8_t)(search.same >= 0 ? search.same : search.last + 1);
        if (search.same >= 0)
            base_keep(set, search.base);
    }
    struct key_keyset row;
    enum err err = keyset_row(txn, &updated->eid, device_keyset_id(updated, index), &row);
    set->flags = row.flags;
    return store_txn_err(txn) != ERR_OK ? err : ERR_OK; /* lost flags are no reason to refuse */
}

/* --- devices --- */

/* What is remembered of the key sets that `updated` has no more. */
static enum err keysets_leave(struct apply *apply, struct store_txn *txn,
                              const struct device *stored, const struct device *updated)
{
    for (unsigned i = 0; i < stored->keyset_count; i++) {
        uint16_t id = device_keyset_id(stored, i);
        if (updated != NULL && device_keyset_of(updated, id) >= 0)
            continue;
        struct key_keyset row;
        enum err err = keyset_row(txn, &stored->eid, id, &row);
        if (store_txn_err(txn) != ERR_OK)
            return err;
        row.has_left = true;
        row.cntr_base = stored->keysets[i].cntr_base;
        fingerprint(apply, stored, i, row.fingerprint);
        err = keyset_row_put(txn, &stored->eid, id, &row);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* As it is; without key sets when it is not there, or cannot be read any more. */
static enum err stored_read(struct apply *apply, struct store_txn *txn, const struct eid *eid,
                            struct device *out)
{
    struct span value;
    *out = (struct device){ .eid = *eid };
    enum err err = query_device(txn, eid, &value);
    if (err == ERR_OK)
        err = device_record_read(value, apply->kek, apply->lanes, out);
    if (err == ERR_OK)
        return ERR_OK;
    wipe(out, sizeof *out);
    if (err != ERR_UNKNOWN && store_txn_err(txn) == ERR_OK)
        log_error("store", "a stored device cannot be read: %s; it is replaced", err_text(err));
    return store_txn_err(txn);
}

/* The body as the record of `updated`. */
static enum err body_rewrite(struct apply *apply, struct msg *msg, const struct device *updated)
{
    struct writer w = writer_over(apply->buf, sizeof apply->buf);
    enum err err = device_record_rewrite(msg_body(msg), updated, apply->kek, apply->lanes, &w);
    if (err != ERR_OK)
        return err;
    struct writer body = msg_writer(msg);
    writer_bytes(&body, written(&w));
    return msg_written(msg, &body);
}

static enum err keysets_name(struct apply *apply, struct store_txn *txn, struct msg *msg,
                             const struct device *stored, struct device *updated)
{
    bool changed = false;
    msg->part = 0;
    for (unsigned i = 0; i < updated->keyset_count; i++) {
        struct device_keyset *set = &updated->keysets[i];
        uint8_t edition = set->edition;
        uint64_t base = set->cntr_base;
        enum err err = keyset_name(apply, txn, stored, updated, i);
        if (err != ERR_OK)
            return err;
        changed |= set->edition != edition || set->cntr_base != base;
        msg->part |= (uint8_t)(set->flags << 2 * i);
    }
    return changed ? body_rewrite(apply, msg, updated) : ERR_OK;
}

/* Only while it is still that number's: an update may have given it another. */
static enum err release(struct apply *apply, struct store_txn *txn, struct msg *msg)
{
    struct span value;
    enum err err = query_device(txn, &msg->eid, &value);
    struct writer w = msg_writer(msg);
    if (err == ERR_OK) {
        writer_bytes(&w, value);
        err = msg_written(msg, &w);
    }
    struct device device = { 0 };
    if (err == ERR_OK)
        err = device_record_read(msg_body(msg), apply->kek, apply->lanes, &device);
    bool is_its = device.msisdn == msg->value;
    if (err == ERR_OK && is_its)
        err = device_record_release_msisdn(msg->body, msg->len);
    if (err == ERR_OK)
        err = keysets_name(apply, txn, msg, &device, &device); /* for the flags */
    wipe(&device, sizeof device);
    if (err != ERR_OK || !is_its)
        return err;
    return table_put(txn, TABLE_DEVICES, span_of(msg->eid.bytes, EID_LEN), msg_body(msg));
}

enum err device_table_put(struct apply *apply, struct store_txn *txn, struct msg *msg)
{
    if (apply->kek == NULL)
        return ERR_KEY;
    if (msg->flags & STORE_RELEASE)
        return release(apply, txn, msg);
    struct device stored, updated;
    enum err err = device_record_read(msg_body(msg), apply->kek, apply->lanes, &updated);
    if (err == ERR_OK)
        err = stored_read(apply, txn, &msg->eid, &stored);
    if (err == ERR_OK)
        err = keysets_name(apply, txn, msg, &stored, &updated);
    if (err == ERR_OK)
        err = keysets_leave(apply, txn, &stored, &updated);
    if (err == ERR_OK)
        err = table_put(txn, TABLE_DEVICES, span_of(msg->eid.bytes, EID_LEN), msg_body(msg));
    wipe(&stored, sizeof stored);
    wipe(&updated, sizeof updated);
    return err;
}

enum err device_table_remove(struct apply *apply, struct store_txn *txn, const struct eid *eid)
{
    if (apply->kek == NULL)
        return ERR_KEY;
    struct device stored;
    enum err err = stored_read(apply, txn, eid, &stored);
    if (err == ERR_OK)
        err = keysets_leave(apply, txn, &stored, NULL);
    wipe(&stored, sizeof stored);
    return err != ERR_OK ? err : table_remove(txn, TABLE_DEVICES, span_of(eid->bytes, EID_LEN));
}
