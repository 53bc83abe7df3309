/* The transport key agreed with the EUM, from its file. */
#include "engine/device/eis.h"

#include "base/hex.h"
#include "crypto/ct.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 66 /* 64 hex digits, a newline, and one more to notice what is too long */

static enum err file_read(const char *path, int fd, uint8_t *text, size_t *len, struct fault *fault)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        fault_set(fault, "%s: is no regular file; accepted: a file with the transport key in hex",
                  path);
        return ERR_IO;
    }
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        fault_set(fault,
                  "%s: holds the transport key and is open to group or others; "
                  "chmod 600 it",
                  path);
        return ERR_DENIED;
    }
    ssize_t got = read(fd, text, FILE_MAX);
    if (got < 0) {
        fault_set(fault, "%s: cannot be read: %s", path, strerror(errno));
        return ERR_IO;
    }
    *len = (size_t)got;
    return ERR_OK;
}

enum err eis_transport_key_load(const char *path, uint8_t out[32], uint32_t *len,
                                struct fault *fault)
{
    uint8_t text[FILE_MAX];
    size_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fault_set(fault, "%s: cannot be opened: %s; it is named by transport_key_file", path,
                  strerror(errno));
        return ERR_IO;
    }
    enum err err = file_read(path, fd, text, &count, fault);
    close(fd);
    if (err != ERR_OK)
        return err;
    if (count > 0 && text[count - 1] == '\n')
        count--;
    struct writer w = writer_over(out, 32);
    if ((count != 32 && count != 48 && count != 64) ||
        hex_read(span_of(text, count), &w) != ERR_OK) {
        fault_set(fault, "%s: holds no transport key; accepted: 32, 48 or 64 hex digits", path);
        wipe(out, 32);
        err = ERR_MALFORMED;
    } else {
        *len = (uint32_t)writer_len(&w);
    }
    wipe(text, sizeof text);
    return err;
}
