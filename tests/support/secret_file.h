/* A file that only its owner may read and that has no name: nothing of it is left, however its test
 * ends. */
#ifndef TESTS_SUPPORT_SECRET_FILE_H
#define TESTS_SUPPORT_SECRET_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct secret_file {
    int fd;
    char path[32]; /* opens it anew, in this process */
};

static inline struct secret_file secret_file_make(const char *text)
{
    struct secret_file file = { .fd = memfd_create("secret", MFD_CLOEXEC) };
    size_t len = strlen(text);
    if (file.fd < 0 || fchmod(file.fd, 0600) != 0 || write(file.fd, text, len) != (ssize_t)len)
        abort();
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    return file;
}

static inline void secret_file_close(const struct secret_file *file)
{
    (void)close(file->fd);
}

#endif
