/* A directory of a test's own, removed with what is in it. */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct temp_dir {
    char path[64];
};

/* Below `parent`, which must not be long. */
static inline struct temp_dir temp_dir_in(const char *parent)
{
    struct temp_dir dir;
    snprintf(dir.path, sizeof dir.path, "%s/starling-test-XXXXXX", parent);
    if (mkdtemp(dir.path) == NULL)
        abort();
    return dir;
}

static inline struct temp_dir temp_dir_make(void)
{
    return temp_dir_in("/tmp");
}

/* One level deep. */
static inline int temp_dir_forget(const char *path, const struct stat *info, int type,
                                  struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

/* With all below it. */
static inline void temp_dir_remove(const struct temp_dir *dir)
{
    (void)nftw(dir->path, temp_dir_forget, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
