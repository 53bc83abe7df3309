/* The requests of one bind that wait for their answers: a flat table by sequence number. All wait
 * equally long, so the list in order of sending is the list in order of timeout. */
#ifndef IO_SMPP_WINDOW_H
#define IO_SMPP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smpp_open {
    uint64_t cookie;
    uint64_t due_ns;
    uint32_t sequence; /* 0: free */
    uint32_t older;
    uint32_t newer;
};

struct smpp_window {
    uint32_t mask; /* of the table, four times as long as the window */
    uint32_t open;
    uint32_t sequence; /* last given */
    uint32_t oldest;
    uint32_t newest;
    struct smpp_open *table;
};

/* Entries of the table for a window of `limit` requests. */
uint32_t smpp_window_entries(uint32_t limit);

/* `table` has smpp_window_entries(limit) entries. */
void smpp_window_init(struct smpp_window *window, struct smpp_open *table, uint32_t limit);

/* Forgets all; numbers start at 1 again. */
void smpp_window_reset(struct smpp_window *window);

/* The next number, 1..7FFFFFFF, that no open request has. */
uint32_t smpp_window_number(struct smpp_window *window);

/* Opens a request under the next number, which is returned. The caller keeps to its limit. */
uint32_t smpp_window_add(struct smpp_window *window, uint64_t cookie, uint64_t due_ns);

/* Ends the request of this number; false when none is open under it. */
bool smpp_window_take(struct smpp_window *window, uint32_t sequence, uint64_t *cookie);

/* The one that waits longest; NULL when none is open. */
const struct smpp_open *smpp_window_oldest(const struct smpp_window *window);

#endif
