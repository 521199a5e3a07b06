/* sim/idle.h: a backend without descriptors: workers sleep and are woken, nothing else. For runs about scheduling. */
#ifndef CR_SIM_IDLE_H
#define CR_SIM_IDLE_H

#include "backend/backend.h"

extern const struct cr_backend cr_backend_idle; /* for cr_backend_install */

#endif
