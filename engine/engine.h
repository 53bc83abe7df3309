/* `starling run`: from a checked configuration to an orderly end. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/capture_thread.h"
#include "engine/config.h"

/* Runs until SIGTERM or SIGINT. ERR_OK after an orderly shutdown; otherwise a fault says why it did
 * not start. */
MUST_CHECK enum err engine_run(const struct config *config, const struct capture_options *capture,
                               struct fault *fault);

#endif
