#include "bodies.h"
const struct body task_bodies[1], worker_bodies[1];
const uint32_t task_count, worker_count;
