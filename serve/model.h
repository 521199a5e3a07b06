/* serve/model.h: the models by their names. */
#ifndef CR_SERVE_MODEL_H
#define CR_SERVE_MODEL_H

#include <coir/serve.h>

/* A model whose numbers are known. */
struct cr_choice {
    const char *name;
    const char *backend;       /* NULL: the best, or what the options say */
    enum coir_carrier carrier; /* of the tasks that serve */
    bool one_each;             /* who accepts a connection serves it, and accepts no other meanwhile; there are */
    int keepers;               /* so many of them at each address */
    int workers;               /* of the runtime; 0: one for each CPU */
    int processes;             /* that are kept; 0: none */
    bool process_each;         /* one for each connection */
};

/* -EINVAL, with a sentence. text NULL: the default. */
int cr_model_parse(const char *text, struct cr_choice *choice);

#endif
