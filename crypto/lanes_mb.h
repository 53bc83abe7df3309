/* What is behind `struct lanes`, for the files of the lanes alone. */
#ifndef CRYPTO_LANES_MB_H
#define CRYPTO_LANES_MB_H

#include "crypto/lanes.h"
#include "crypto/lanes_keys.h"
#include "crypto/lanes_order.h"
#include "crypto/lanes_vaes.h"

struct IMB_MGR;
struct IMB_JOB;

/* In secret memory: schedules stay until the next batch overwrites them. */
struct lanes_secret {
    struct lanes_vaes vaes;
    struct lanes_schedule schedules[LANES_CHUNK];
};

struct lanes {
    struct lanes_secret *secret;
    struct IMB_MGR *mgr;
    struct IMB_JOB *jobs; /* LANES_CHUNK */
    enum lanes_way way;
};

/* Sets mgr and jobs. ERR_NO_MEMORY; ERR_CORRUPT when the library's own start-up test failed. */
MUST_CHECK enum err lanes_mb_init(struct lanes *lanes);
void lanes_mb_fini(struct lanes *lanes);

/* Jobs of one run, key length the same. */
void lanes_mb_cmac(struct lanes *lanes, struct lanes_cmac *jobs, const struct lanes_run *run);
void lanes_mb_cbc(struct lanes *lanes, const struct lanes_cbc *jobs, const struct lanes_run *run,
                  bool decrypt);

#endif
