/* The key-encryption key: from a file, in secret memory. */
#include "crypto/kek.h"

#include "base/hex.h"
#include "crypto/ct.h"
#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_LEN (2 * KEK_LEN)
#define FILE_CAP (HEX_LEN + 2) /* digits, a newline, and one octet too many */

struct kek {
    uint8_t key[KEK_LEN];
    uint8_t file[FILE_CAP]; /* what was read, until it is decoded */
};

static struct kek *kek_alloc(struct fault *fault)
{
    return secret_alloc(sizeof(struct kek), fault);
}

void kek_drop(struct kek *kek)
{
    secret_free(kek, sizeof *kek);
}

struct kek *kek_from(const uint8_t key[KEK_LEN], struct fault *fault)
{
    struct kek *kek = kek_alloc(fault);
    if (kek != NULL)
        memcpy(kek->key, key, KEK_LEN);
    return kek;
}

static bool check_file(int fd, const char *path, struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        fault_set(fault, "key-encryption key %s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        fault_set(fault, "key-encryption key %s: not a regular file", path);
        return false;
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        fault_set(fault,
                  "key-encryption key %s: open to others (mode %03o); make it its owner's alone: "
                  "chmod 600 %s",
                  path, (unsigned)(status.st_mode & 0777), path);
        return false;
    }
    return true;
}

static bool read_all(int fd, uint8_t *out, size_t cap, size_t *len)
{
    *len = 0;
    while (*len < cap) {
        ssize_t got = read(fd, out + *len, cap - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    return true;
}

/* 32 octets as they are, or 64 digits and at most one newline. */
static bool decode(struct kek *kek, size_t len)
{
    if (len == KEK_LEN) {
        memcpy(kek->key, kek->file, KEK_LEN);
        return true;
    }
    if (len != HEX_LEN && !(len == HEX_LEN + 1 && kek->file[HEX_LEN] == '\n'))
        return false;
    struct writer w = writer_over(kek->key, KEK_LEN);
    return hex_read(span_of(kek->file, HEX_LEN), &w) == ERR_OK;
}

struct kek *kek_load(const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fault_set(fault, "key-encryption key %s: %s; `starling kek create` makes one", path,
                  strerror(errno));
        return NULL;
    }
    size_t len = 0;
    struct kek *kek = check_file(fd, path, fault) ? kek_alloc(fault) : NULL;
    bool read_whole = kek != NULL && read_all(fd, kek->file, FILE_CAP, &len);
    if (kek != NULL && !read_whole)
        fault_set(fault, "key-encryption key %s: %s", path, strerror(errno));
    close(fd);
    bool decoded = read_whole && decode(kek, len);
    if (read_whole && !decoded)
        fault_set(fault,
                  "key-encryption key %s: has to hold 32 octets, or 64 hexadecimal digits and a "
                  "newline; it has %s%zu octets%s",
                  path, len == FILE_CAP ? "at least " : "", len,
                  len == HEX_LEN || len == HEX_LEN + 1 ? " that are not all digits" : "");
    if (!decoded) {
        kek_drop(kek);
        return NULL;
    }
    wipe(kek->file, sizeof kek->file);
    return kek;
}

enum err kek_wrap(struct kek *kek, struct lanes *lanes, struct span aad, struct span in,
                  uint8_t *out)
{
    struct writer w = writer_over(out, in.len + KEK_OVERHEAD);
    uint8_t *nonce = writer_claim(&w, LANES_GCM_NONCE);
    uint8_t *text = writer_claim(&w, in.len);
    uint8_t *tag = writer_claim(&w, LANES_GCM_TAG);
    if (getrandom(nonce, LANES_GCM_NONCE, 0) != LANES_GCM_NONCE)
        return ERR_IO;
    lanes_gcm_seal(lanes, kek->key, nonce, aad, in, text, tag);
    return ERR_OK;
}

enum err kek_unwrap(struct kek *kek, struct lanes *lanes, struct span aad, struct span wrapped,
                    uint8_t *out)
{
    if (wrapped.len < KEK_OVERHEAD)
        return ERR_SHORT;
    struct reader r = reader_over(wrapped);
    struct span nonce = reader_bytes(&r, LANES_GCM_NONCE);
    struct span text = reader_bytes(&r, wrapped.len - KEK_OVERHEAD);
    struct span tag = reader_bytes(&r, LANES_GCM_TAG);
    return lanes_gcm_open(lanes, kek->key, nonce.bytes, aad, text, out, tag.bytes);
}

/* The KEK itself only ever makes the one CMAC that derives the key (as SP 800-108 §4 does). */
void kek_fingerprint(const struct kek *kek, struct lanes *lanes, struct span in,
                     uint8_t out[KEK_FINGERPRINT_LEN])
{
    static const uint8_t label[] = "fingerprint of keys";
    struct lanes_cmac derive = {
        .key = kek->key, .key_len = KEK_LEN, .in = label, .len = sizeof label
    };
    lanes_cmac_run(lanes, &derive, 1);
    struct lanes_cmac job = {
        .key = derive.mac, .key_len = LANES_MAC_LEN, .in = in.bytes, .len = (uint32_t)in.len
    };
    lanes_cmac_run(lanes, &job, 1);
    memcpy(out, job.mac, KEK_FINGERPRINT_LEN);
    wipe(&derive, sizeof derive);
}
