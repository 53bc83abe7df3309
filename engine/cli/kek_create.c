/* `starling kek create FILE`: a fresh key-encryption key, readable by its owner only. */
#include "engine/cli/cli.h"

#include "base/hex.h"
#include "crypto/ct.h"
#include "crypto/kek.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

static const char usage[] =
    "usage: starling kek create FILE\n"
    "Writes 32 random octets as hexadecimal to FILE, which must not exist; mode 0600. It wraps "
    "every\n"
    "device key at rest: without it the data directory is lost, so keep a copy in a safe place.\n";

static int create(const char *path)
{
    uint8_t key[KEK_LEN];
    char text[2 * KEK_LEN + 2];
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key) {
        fprintf(stderr, "starling kek: no random octets: %s\n", strerror(errno));
        return CLI_FAILED;
    }
    hex_write(span_of(key, sizeof key), text, sizeof text);
    text[2 * KEK_LEN] = '\n';
    wipe(key, sizeof key);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool sound = fd >= 0 && write(fd, text, 2 * KEK_LEN + 1) == 2 * KEK_LEN + 1 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0)
        sound = false;
    wipe(text, sizeof text);
    if (!sound) {
        fprintf(stderr, "starling kek: %s: %s%s\n", path, strerror(why),
                why == EEXIST ? "; a KEK in use is never overwritten" : "");
        return CLI_FAILED;
    }
    printf("%s written; keep a copy in a safe place: without it the stored keys are lost\n", path);
    return CLI_DONE;
}

int cli_kek(int argc, char **argv)
{
    static const struct option options[] = { { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    int option = getopt_long(argc, argv, "h", options, NULL);
    if (option == 'h') {
        fputs(usage, stdout);
        return CLI_DONE;
    }
    if (option != -1 || argc - optind != 2 || strcmp(argv[optind], "create") != 0) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    return create(argv[optind + 1]);
}
