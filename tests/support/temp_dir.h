/* A directory of a test's own, removed with what is in it. */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

#include <dirent.h>
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
static inline void temp_dir_remove(const struct temp_dir *dir)
{
    DIR *entries = opendir(dir->path);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", dir->path, entry->d_name);
        (void)unlink(path);
    }
    closedir(entries);
    (void)rmdir(dir->path);
}

#endif
