/* Names and sentences of enum err, expanded from err.def. */
#include "base/err.h"

#include "base/check.h"

#include <ctype.h>

static const char *const texts[ERR_COUNT] = {
#define ERR(name, text) [ERR_##name] = (text),
#include "base/err.def"
#undef ERR
};

#define LABEL_CAP 24
#define ERR(name, text) static_assert(sizeof #name <= LABEL_CAP, "label too long: " #name);
#include "base/err.def"
#undef ERR

static char labels[ERR_COUNT][LABEL_CAP] = {
#define ERR(name, text) [ERR_##name] = #name,
#include "base/err.def"
#undef ERR
};

/* Lower case once, before main, so that readers need no lock. */
__attribute__((constructor)) static void labels_lower(void)
{
    for (int e = 0; e < ERR_COUNT; e++)
        for (char *c = labels[e]; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
}

const char *err_text(enum err err)
{
    ASSERT((unsigned)err < ERR_COUNT);
    return texts[err];
}

const char *err_label(enum err err)
{
    ASSERT((unsigned)err < ERR_COUNT);
    return labels[err];
}
