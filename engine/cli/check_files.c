/* The data directory, and the files that hold secrets: there, readable, and only by us. */
#include "engine/cli/findings.h"

#include "crypto/ct.h"
#include "crypto/kek.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_CAP 600
#define PASSWORD_MAX 8 /* SMPP 3.4 §4.1.1: password is a C-octet string of at most 9 */

static void check_data_dir(struct findings *findings, const char *path)
{
    static const char why[] = "jobs, results and the journal live there";
    struct stat status;
    if (stat(path, &status) != 0) {
        finding_add(findings, FINDING_ERROR, "data_dir", why, "%s: %s", path, strerror(errno));
        finding_fix(findings, "install -d -m 0700 %s", path);
    } else if (!S_ISDIR(status.st_mode)) {
        finding_add(findings, FINDING_ERROR, "data_dir", why, "%s is not a directory", path);
        finding_fix(findings, "mv %s %s.old && install -d -m 0700 %s", path, path, path);
    } else if (status.st_uid != geteuid()) {
        finding_add(findings, FINDING_ERROR, "data_dir", why, "%s belongs to user %u, not to %u",
                    path, status.st_uid, geteuid());
        finding_fix(findings, "chown -R %u %s, or run as user %u", geteuid(), path, status.st_uid);
    } else if (access(path, R_OK | W_OK | X_OK) != 0) {
        finding_add(findings, FINDING_ERROR, "data_dir", why, "%s may not be written by user %u",
                    path, geteuid());
        finding_fix(findings, "chmod 0700 %s", path);
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        finding_add(findings, FINDING_ERROR, "data_dir",
                    "others could get at jobs and results: the engine would not start",
                    "%s has mode %04o", path, status.st_mode & 07777u);
        finding_fix(findings, "chmod 0700 %s", path);
    } else {
        finding_add(findings, FINDING_FINE, "data_dir", "", "%s", path);
    }
}

static void check_kek(struct findings *findings, const char *path)
{
    struct fault fault = { "" };
    struct stat status;
    struct kek *kek = kek_load(path, &fault);
    if (kek != NULL) {
        finding_add(findings, FINDING_FINE, "kek_file", "", "%s", path);
        kek_drop(kek);
        return;
    }
    finding_add(findings, FINDING_ERROR, "kek_file", "it wraps every key at rest", "%s",
                fault.text);
    if (stat(path, &status) != 0 && errno == ENOENT)
        finding_fix(findings, "starling kek create %s", path);
    else if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        finding_fix(findings, "chmod 0600 %s", path);
    else
        finding_fix(findings, "restore %s from its safe copy, or ls -l %s", path, path);
}

/* The length of the first line, which the caller wipes; -1 when it cannot be read. */
static long line_read(const char *path, char line[LINE_CAP])
{
    memset(line, 0, LINE_CAP);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    bool got = fgets(line, LINE_CAP, file) != NULL;
    fclose(file);
    size_t len = got ? strcspn(line, "\r\n") : 0;
    memset(line + len, 0, LINE_CAP - len);
    return (long)len;
}

static long line_len(const char *path)
{
    char line[LINE_CAP];
    long len = line_read(path, line);
    explicit_bzero(line, sizeof line);
    return len;
}

/* A token names one client: nobody could tell two apart. */
static void check_tokens_differ(struct findings *findings, const struct config_api *api)
{
    char tokens[CONFIG_CLIENTS_MAX][LINE_CAP], subject[64];
    for (uint32_t i = 0; i < api->client_count; i++) {
        bool readable = line_read(api->clients[i].token_file, tokens[i]) > 0;
        for (uint32_t j = 0; readable && j < i; j++) {
            if (!ct_equal(tokens[i], tokens[j], LINE_CAP))
                continue;
            snprintf(subject, sizeof subject, "client %s", api->clients[i].name);
            finding_add(findings, FINDING_ERROR, subject,
                        "a token names its client: the engine would not start",
                        "%s holds the same token as that of client %s", api->clients[i].token_file,
                        api->clients[j].name);
            finding_fix(findings, "(umask 077; openssl rand -hex 32 > %s)",
                        api->clients[i].token_file);
            break;
        }
    }
    explicit_bzero(tokens, sizeof tokens);
}

static void check_secret(struct findings *findings, const char *subject, const char *path,
                         long least, long most, const char *make)
{
    struct stat status;
    long len = line_len(path);
    if (len < 0) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start", "%s: %s", path,
                    strerror(errno));
        finding_fix(findings, "(umask 077; %s > %s)", make, path);
    } else if (len < least || len > most) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "%s: its first line has %ld characters; accepted: %ld to %ld", path, len, least,
                    most);
        finding_fix(findings, "(umask 077; %s > %s)", make, path);
    } else if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        finding_add(findings, (status.st_mode & S_IRWXO) != 0 ? FINDING_ERROR : FINDING_WARNING,
                    subject, "whoever reads it can act for this client or account",
                    "%s has mode %04o", path, status.st_mode & 07777u);
        finding_fix(findings, "chmod 0600 %s", path);
    } else {
        finding_add(findings, FINDING_FINE, subject, "", "%s", path);
    }
}

void check_files(struct findings *findings, const struct config *config)
{
    char subject[64];
    check_data_dir(findings, config->data_dir);
    check_kek(findings, config->kek_file);
    for (uint32_t i = 0; i < config->account_count; i++) {
        snprintf(subject, sizeof subject, "account %s", config->accounts[i].name);
        check_secret(findings, subject, config->accounts[i].password_file, 1, PASSWORD_MAX,
                     "echo PASSWORD");
    }
    for (uint32_t i = 0; i < config->api.client_count; i++) {
        snprintf(subject, sizeof subject, "client %s", config->api.clients[i].name);
        check_secret(findings, subject, config->api.clients[i].token_file, 16, 256,
                     "openssl rand -hex 32");
    }
    check_tokens_differ(findings, &config->api);
    if (config->api.client_count == 0)
        finding_add(findings, FINDING_WARNING, "api.clients", "nobody can submit a job",
                    "no client is configured");
}
