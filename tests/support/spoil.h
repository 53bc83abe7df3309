/* Damage to a store's file, as a bad disk does it. The store is closed meanwhile. */
#ifndef TESTS_SUPPORT_SPOIL_H
#define TESTS_SUPPORT_SPOIL_H

#include "base/span.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <sys/mman.h>

/* Alters the last octet of each place that holds `octets`. Returns how many there were. */
static inline unsigned spoil(const struct temp_dir *dir, struct span octets)
{
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", dir->path);
    int fd = open(path, O_RDWR);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        abort();
    size_t len = (size_t)st.st_size;
    uint8_t *file = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED)
        abort();
    unsigned found = 0;
    for (uint8_t *at; (at = memmem(file, len, octets.bytes, octets.len)) != NULL; found++)
        at[octets.len - 1] ^= 0x20;
    munmap(file, len);
    close(fd);
    return found;
}

#endif
