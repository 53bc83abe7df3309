/* Pages of their own for keys. */
#include "crypto/secret.h"

#include "crypto/ct.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t whole_pages(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (len + page - 1) / page * page;
}

void *secret_alloc(size_t len, struct fault *fault)
{
    size_t size = whole_pages(len > 0 ? len : 1);
    void *secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED) {
        fault_set(fault, "cannot have %zu octets of memory for keys: %s", size, strerror(errno));
        return NULL;
    }
    if (mlock(secret, size) != 0) {
        fault_set(fault,
                  "cannot lock %zu octets of memory for keys: %s; raise the limit on locked memory "
                  "(ulimit -l, LimitMEMLOCK= of the service unit)",
                  size, strerror(errno));
        munmap(secret, size);
        return NULL;
    }
    if (madvise(secret, size, MADV_DONTDUMP) != 0) {
        fault_set(fault, "cannot keep key memory out of core dumps: %s", strerror(errno));
        munmap(secret, size);
        return NULL;
    }
    return secret;
}

void secret_free(void *secret, size_t len)
{
    if (secret == NULL)
        return;
    size_t size = whole_pages(len > 0 ? len : 1);
    wipe(secret, size);
    munmap(secret, size); /* and unlocks */
}
