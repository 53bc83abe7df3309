/* Addresses as text. */
#include "io/net/ip.h"

#include <arpa/inet.h>
#include <stdlib.h>

bool ip_read(const char *text, struct ip_addr *out)
{
    struct in_addr four;
    struct ip_addr six;
    if (inet_pton(AF_INET, text, &four) == 1) {
        *out = ip_addr_v4(ntohl(four.s_addr));
        return true;
    }
    if (inet_pton(AF_INET6, text, six.octets) != 1 || ip_is_v4(six))
        return false;
    *out = six;
    return true;
}

bool ip_prefix_read(const char *text, struct ip_addr *out, uint8_t *prefix_len)
{
    char host[IP_TEXT_CAP];
    struct ip_addr addr;
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(slash - text));
    host[slash - text] = '\0';
    char *end;
    unsigned long len = slash[1] >= '0' && slash[1] <= '9' ? strtoul(slash + 1, &end, 10) : 0;
    if (len < 1 || *end != '\0' || !ip_read(host, &addr) || len > (ip_is_v4(addr) ? 32 : 128))
        return false;
    *out = addr;
    *prefix_len = (uint8_t)len;
    return true;
}

const char *ip_write(struct ip_addr addr, char out[IP_TEXT_CAP])
{
    struct in_addr four = { .s_addr = htonl(ip_v4(addr)) };
    if (ip_is_v4(addr))
        inet_ntop(AF_INET, &four, out, IP_TEXT_CAP);
    else
        inet_ntop(AF_INET6, addr.octets, out, IP_TEXT_CAP);
    return out;
}
