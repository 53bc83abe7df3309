/* What `starling xdp status` prints. */
#ifndef ENGINE_CLI_XDP_STATUS_H
#define ENGINE_CLI_XDP_STATUS_H

#include "io/xdp/steer_view.h"

/* False when standard output takes no more. */
bool xdp_status(const struct steer_view *views, uint32_t count, bool json);

#endif
