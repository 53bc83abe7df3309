/* Bearer tokens: read once from their files, compared in constant time, all of them every time. */
#include "engine/api/api_request.h"

#include "crypto/ct.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err token_read(const char *path, struct api_token *token, struct fault *fault)
{
    char text[API_TOKEN_MAX + 3];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fault_set(fault, "%s: the token cannot be read: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    ssize_t got = read(fd, text, sizeof text);
    close(fd);
    size_t len = got > 0 ? (size_t)got : 0;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    bool sound = len >= API_TOKEN_LEAST && len <= API_TOKEN_MAX;
    for (size_t i = 0; i < len && sound; i++)
        sound = text[i] > 0x20 && text[i] < 0x7F;
    if (!sound)
        fault_set(fault,
                  "%s: holds no token; accepted: one line of %u to %u printable characters without "
                  "blanks (openssl rand -hex 32 > %s)",
                  path, API_TOKEN_LEAST, API_TOKEN_MAX, path);
    else if ((status.st_mode & S_IRWXO) != 0)
        fault_set(fault, "%s: everybody may read it; run: chmod 600 %s", path, path);
    else
        memcpy(token->bytes, text, len);
    wipe(text, sizeof text);
    return fault->text[0] != '\0' ? ERR_MALFORMED : ERR_OK;
}

enum err api_tokens_read(struct api *api, struct fault *fault)
{
    for (uint32_t i = 0; i < api->config->client_count; i++) {
        const struct config_client *client = &api->config->clients[i];
        enum err err = token_read(client->token_file, &api->tokens[i], fault);
        if (err != ERR_OK)
            return err;
        for (uint32_t j = 0; j < i; j++)
            if (ct_equal(&api->tokens[i], &api->tokens[j], sizeof(struct api_token))) {
                fault_set(fault,
                          "%s: holds the same token as that of client %s; each needs its own",
                          client->token_file, api->config->clients[j].name);
                return ERR_MALFORMED;
            }
    }
    return ERR_OK;
}

enum err api_token_find(const struct api *api, const char *authorization, uint32_t *client)
{
    struct api_token shown = { { 0 } };
    enum err err = ERR_DENIED;
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return ERR_DENIED;
    size_t len = strlen(authorization + 7);
    if (len < API_TOKEN_LEAST || len > API_TOKEN_MAX)
        return ERR_DENIED;
    memcpy(shown.bytes, authorization + 7, len);
    for (uint32_t i = 0; i < api->config->client_count; i++)
        if (ct_equal(&shown, &api->tokens[i], sizeof shown)) {
            *client = i;
            err = ERR_OK;
        }
    wipe(&shown, sizeof shown);
    return err;
}
