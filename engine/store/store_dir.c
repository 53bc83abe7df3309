/* The data directory and its lock: nobody else may read it, no second process may write it. */
#include "engine/store/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "starling.lock"

static enum err examine(const char *dir, struct fault *fault)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        fault_set(fault, "data directory %s cannot be made: %s; make its parent, or set data_dir",
                  dir, strerror(errno));
        return ERR_IO;
    }
    struct stat st;
    if (stat(dir, &st) != 0) {
        fault_set(fault, "data directory %s cannot be examined: %s", dir, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISDIR(st.st_mode)) {
        fault_set(fault, "%s is not a directory; set data_dir to one", dir);
        return ERR_IO;
    }
    if (st.st_uid != geteuid()) {
        fault_set(fault,
                  "data directory %s belongs to user %u, this process runs as %u; "
                  "run as that user, or: chown -R %u %s",
                  dir, (unsigned)st.st_uid, (unsigned)geteuid(), (unsigned)geteuid(), dir);
        return ERR_DENIED;
    }
    if ((st.st_mode & 077) != 0) {
        fault_set(fault, "data directory %s is open to group or others (mode %03o); chmod 700 %s",
                  dir, (unsigned)(st.st_mode & 0777), dir);
        return ERR_DENIED;
    }
    return ERR_OK;
}

static enum err refuse_second(int fd, const char *dir, struct fault *fault)
{
    char pid[24] = "";
    ssize_t len = pread(fd, pid, sizeof pid - 1, 0);
    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    fault_set(fault, "data directory %s is in use by process %s; stop it first, or set data_dir",
              dir, pid[0] != '\0' ? pid : "(unknown)");
    return ERR_CONFLICT;
}

enum err store_dir_take(const char *dir, int *lock, struct fault *fault)
{
    enum err err = examine(dir, fault);
    if (err != ERR_OK)
        return err;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" LOCK_NAME, dir) >= (int)sizeof path) {
        fault_set(fault, "data directory %.100s…: the path is too long", dir);
        return ERR_IO;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        fault_set(fault, "%s cannot be opened: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? refuse_second(fd, dir, fault) : ERR_IO;
        fault_set(fault, "%s cannot be locked: %s", path, strerror(errno));
        close(fd);
        return err;
    }
    /* The pid only helps people: a full disk must not keep the store from opening. */
    char pid[24];
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        (void)ftruncate(fd, 0);
    *lock = fd;
    return ERR_OK;
}

void store_dir_give(int lock)
{
    close(lock);
}

enum err store_dir_sync(const char *dir, struct fault *fault)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        fault_set(fault, "data directory %s cannot be flushed: %s", dir, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    close(fd);
    return ERR_OK;
}
