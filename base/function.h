/* base/function.h: a function of this program in words that another process of the same program understands: which file it
 * is in, which build of that, how far from its beginning. Addresses differ between processes, and a library may have been
 * loaded here that is not yet loaded there. Static functions have such names, too: no table is kept of them. */
#ifndef CR_FUNCTION_H
#define CR_FUNCTION_H

#include <coir/base.h>

enum { CR_BUILD_ID = 20, CR_MODULE_PATH = 256 };

struct cr_function_name {
    uint8_t build[CR_BUILD_ID]; /* the linker's id, cut or filled with zeros; else made of the file's shape in memory */
    uint64_t offset;
    char path[CR_MODULE_PATH]; /* of the library; "": the program itself */
};

/* -ENOENT: no file has a function there (made at run time); -ENAMETOOLONG. */
int cr_function_name(coir_function *function, struct cr_function_name *name);

/* The function here. A library that is not there yet is loaded. -ENOENT: it cannot be; -ESTALE: what is there under that
 * path is another build, or has no code at that place. */
int cr_function_find(const struct cr_function_name *name, coir_function **function);

#endif
