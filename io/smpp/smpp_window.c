/* Open requests by sequence number. A number whose place in the table is still taken is passed over, so an
 * old unanswered request never stops the others, and a number is never given twice. */
#include "io/smpp/smpp_window.h"

#include "base/check.h"

#define NONE UINT32_MAX
#define SEQUENCE_MAX 0x7FFFFFFFu

uint32_t smpp_window_entries(uint32_t limit)
{
    uint32_t entries = 4;
    while (entries < limit * 4)
        entries *= 2;
    return entries;
}

void smpp_window_init(struct smpp_window *window, struct smpp_open *table, uint32_t limit)
{
    *window = (struct smpp_window){ .mask = smpp_window_entries(limit) - 1, .table = table };
    smpp_window_reset(window);
}

void smpp_window_reset(struct smpp_window *window)
{
    for (uint32_t i = 0; i <= window->mask; i++)
        window->table[i].sequence = 0;
    window->open = 0;
    window->sequence = 0;
    window->oldest = NONE;
    window->newest = NONE;
}

uint32_t smpp_window_number(struct smpp_window *window)
{
    ASSERT(window->open <= window->mask);
    do {
        window->sequence = window->sequence < SEQUENCE_MAX ? window->sequence + 1 : 1;
    } while (window->table[window->sequence & window->mask].sequence != 0);
    return window->sequence;
}

uint32_t smpp_window_add(struct smpp_window *window, uint64_t cookie, uint64_t due_ns)
{
    uint32_t sequence = smpp_window_number(window);
    uint32_t at = sequence & window->mask;
    window->table[at] = (struct smpp_open){
        .cookie = cookie,
        .due_ns = due_ns,
        .sequence = sequence,
        .older = window->newest,
        .newer = NONE,
    };
    if (window->newest != NONE)
        window->table[window->newest].newer = at;
    else
        window->oldest = at;
    window->newest = at;
    window->open++;
    return sequence;
}

bool smpp_window_take(struct smpp_window *window, uint32_t sequence, uint64_t *cookie)
{
    struct smpp_open *open = &window->table[sequence & window->mask];
    if (sequence == 0 || open->sequence != sequence)
        return false;
    if (open->older != NONE)
        window->table[open->older].newer = open->newer;
    else
        window->oldest = open->newer;
    if (open->newer != NONE)
        window->table[open->newer].older = open->older;
    else
        window->newest = open->older;
    open->sequence = 0;
    window->open--;
    *cookie = open->cookie;
    return true;
}

const struct smpp_open *smpp_window_oldest(const struct smpp_window *window)
{
    return window->oldest != NONE ? &window->table[window->oldest] : NULL;
}
