/* The device directory in memory: EID, MSISDN -> record; security domains, key sets, state.
 *
 * Written by the control thread, read by edges and workers without locks. A record keeps its number
 * while the device exists; `generation` tells a re-used number. Readers report a quiescent state
 * once a turn (rte_rcu_qsbr), so that a removed record is re-used only when nobody can still look
 * at it. An update rewrites a record in place under a per-record sequence; readers copy and retry.
 * Keys live in locked memory kept out of core dumps, and are wiped when dropped.
 *
 * At most 256 bytes a device with one SCP80 set and the indexes (design §4). */
#ifndef ENGINE_DEVICE_DIRECTORY_H
#define ENGINE_DEVICE_DIRECTORY_H

#include "base/eid.h"
#include "base/fault.h"
#include "engine/msg.h"

#include <stdbool.h>

#define DIRECTORY_CAP_MAX 100000000u /* devices */
#define DEVICE_KEYSETS_MAX 4         /* SCP80 sets of the ISD-R, MNO-SD and others together */
#define DEVICE_DOMAINS_MAX 4
#define DEVICE_KEY_MAX 32

enum domain_role { DOMAIN_ISD_R, DOMAIN_MNO_SD, DOMAIN_OTHER };

/* One TAR that can be addressed. A security domain with several TARs has several entries of the
 * same role; its key sets name the first. */
struct device_domain {
    uint8_t role; /* enum domain_role */
    uint8_t tar[3];
    bool compact; /* remote command format, a property of the target (TS 102 226) */
};

/* One SCP80 key set (KVN 01..0F) of one domain. */
struct device_keyset {
    uint8_t domain; /* index into domains */
    uint8_t kvn;
    uint8_t
        edition; /* which of the keys there ever were under this domain and version: store/device_table.h */
    uint8_t flags; /* KEYSET_*, as known when the device was put; its worker may know more */
    uint8_t kic_algorithm, kid_algorithm; /* low nibbles of KIc and KID */
    uint8_t kic_len, kid_len;             /* octets */
    uint8_t cc_len;                       /* AES: 8 or 4 */
    uint8_t kic[DEVICE_KEY_MAX], kid[DEVICE_KEY_MAX];
    uint64_t cntr_base;
};

#define DEVICE_EXACT_CNTR 0x01 /* its SPI demands "exactly one higher": counters journalled */
#define DEVICE_REF16 0x02      /* takes 16-bit concatenation references */

/* A whole device, as given to the directory and as copied out of it. */
struct device {
    struct eid eid;
    uint64_t msisdn; /* of the enabled profile, by sms_msisdn_of; 0: cannot be reached */
    uint8_t flags;
    uint8_t segments_max; /* per command; 0: the configured default */
    uint8_t domain_count, keyset_count;
    struct device_domain domains[DEVICE_DOMAINS_MAX];
    struct device_keyset keysets[DEVICE_KEYSETS_MAX];
};

/* The key set that secures commands to `tar` (000000: the ISD-R): of the TAR's own security domain,
 * or of the ISD-R for a TAR that no entry has (an ISD-P); version `kvn`, or the first for 0.
 * Its index, or -1 when there is none. */
int device_keyset_find(const struct device *device, const uint8_t tar[3], uint8_t kvn);

/* What a key set is called wherever something is kept of it: domain role, version, edition. Unlike its
 * place in the device, it stays when key sets are put in another order, added or removed; keys that
 * are changed under the same version go by another name. Never 0; KEYSET_ID_BITS. */
#define KEYSET_ID_BITS 14
uint16_t device_keyset_id(const struct device *device, unsigned index);
/* The index of the key set with this id, or -1. */
int device_keyset_of(const struct device *device, uint16_t id);

/* Whether it is the same keys for the same algorithms. */
bool device_keyset_same(const struct device_keyset *a, const struct device_keyset *b);

/* What the worker that owns the device keeps beside its record; nobody else touches it. */
struct device_live {
    uint32_t session;                   /* index + 1 into the worker's sessions; 0: none */
    uint8_t concat_ref;                 /* the last one used */
    uint16_t known[DEVICE_KEYSETS_MAX]; /* id and flags of a key set; 0: none */
};

#define KEYSET_PROVEN 0x01 /* a status 00 was verified under it once (durable) */
#define KEYSET_RAISED 0x02 /* its counter base is raised by 2^38 (durable) */

/* What is known of a key set. */
uint8_t device_live_flags(const struct device_live *live, uint16_t id);
/* Adds to it. Key sets that `device` has no more are forgotten when their place is needed. */
void device_live_mark(struct device_live *live, const struct device *device, uint16_t id,
                      uint8_t flags);

struct directory;

/* Room for `cap` devices; locked memory. Needs EAL. `reader_max`: threads that will register. */
MUST_CHECK enum err directory_create(uint32_t cap, uint32_t reader_max, struct directory **out,
                                     struct fault *fault);
void directory_destroy(struct directory *directory);

/* Control thread only. Adds or updates. ERR_FULL; ERR_CONFLICT when another device holds the
 * MSISDN: the newest wins, the other keeps its record without an MSISDN, and *other tells which. */
MUST_CHECK enum err directory_put(struct directory *directory, const struct device *device,
                                  struct device_ref *ref, struct eid *other);
/* Control thread only. ERR_UNKNOWN. The record is re-used after all readers were quiescent. */
MUST_CHECK enum err directory_remove(struct directory *directory, const struct eid *eid);
uint32_t directory_count(const struct directory *directory);
/* Octets of memory taken, everything included. */
size_t directory_octets(const struct directory *directory);

/* Readers. `reader` is a number below reader_max, one per thread. A napping core goes offline. */
void directory_online(struct directory *directory, uint32_t reader);
void directory_offline(struct directory *directory, uint32_t reader);
void directory_quiescent(struct directory *directory, uint32_t reader);

/* Any registered reader, and the control thread. ERR_UNKNOWN. */
MUST_CHECK enum err directory_find_eid(const struct directory *directory, const struct eid *eid,
                                       struct device_ref *out);
MUST_CHECK enum err directory_find_msisdn(const struct directory *directory, uint64_t msisdn,
                                          struct device_ref *out);
/* The same for `count` at once, prefetching; found[i] tells which. Returns how many were found. */
uint32_t directory_find_msisdns(const struct directory *directory, const uint64_t *msisdns,
                                uint32_t count, struct device_ref *out, bool *found);
/* The same as a hint only: what directory_find_msisdn will touch. */
void directory_msisdns_prefetch(const struct directory *directory, const uint64_t *msisdns,
                                uint32_t count);
uint32_t directory_find_eids(const struct directory *directory, const struct eid *eids,
                             uint32_t count, struct device_ref *out, bool *found);

void directory_prefetch(const struct directory *directory, uint32_t record);
/* Its worker's: what directory_live() gives. */
void directory_live_prefetch(const struct directory *directory, uint32_t record);
/* A consistent copy. ERR_STALE when the record belongs to another generation. Wipe it after use. */
MUST_CHECK enum err directory_read(const struct directory *directory, struct device_ref ref,
                                   struct device *out);
/* EID and MSISDN only, without keys: for routing and results. ERR_STALE. */
MUST_CHECK enum err directory_identity(const struct directory *directory, struct device_ref ref,
                                       struct eid *eid, uint64_t *msisdn);

/* Owned by the device's worker; at start, before workers run, by the loader. Zeroed when its record
 * is given to another device: a worker that still has a session of the one removed touches it only
 * after directory_identity() found its generation current. */
struct device_live *directory_live(struct directory *directory, uint32_t record);
/* Likewise. device_live_mark() for the device as it is; nothing when it is gone. */
void directory_keyset_mark(struct directory *directory, struct device_ref ref, uint16_t id,
                           uint8_t flags);
/* Likewise. All that is known of it; 0 when the device is gone. */
uint8_t directory_keyset_flags(struct directory *directory, struct device_ref ref, uint16_t id);

#endif
