/* base/function.c: see function.h. Build ids are read from the notes that the dynamic linker has mapped. */
#include "base/function.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

/* What is looked for among the loaded files, and what is found. */
struct search {
    uintptr_t address;                   /* a file with this in its code; 0: */
    const struct cr_function_name *name; /* the file of this */
    struct cr_function_name found;
    uintptr_t base;
    bool other_build; /* the path is there, and not what is wanted */
    bool too_long;
};

static uintptr_t
align4(uintptr_t size)
{
    return (size + 3) & ~(uintptr_t)3;
}

static bool
read_build_id(const struct dl_phdr_info *info, uint8_t *build)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const char *at = (const char *)(info->dlpi_addr + part->p_vaddr), *end = at + part->p_memsz;
        if (part->p_type != PT_NOTE || part->p_align > 4)
            continue;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)at;
            const char *name = at + sizeof *note, *content = name + align4(note->n_namesz);
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
                memcpy(build, content, note->n_descsz < CR_BUILD_ID ? note->n_descsz : CR_BUILD_ID);
                return true;
            }
            at = content + align4(note->n_descsz);
        }
    }
    return false;
}

/* For files linked without one: a number made of where their parts lie and how large they are. */
static void
make_build_id(const struct dl_phdr_info *info, uint8_t *build)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        hash = (hash ^ info->dlpi_phdr[i].p_vaddr) * UINT64_C(0x100000001b3);
        hash = (hash ^ info->dlpi_phdr[i].p_filesz) * UINT64_C(0x100000001b3);
    }
    memcpy(build, &hash, sizeof hash);
}

static bool
has_code_at(const struct dl_phdr_info *info, uintptr_t offset)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && part->p_flags & PF_X && offset >= part->p_vaddr &&
            offset - part->p_vaddr < part->p_memsz)
            return true;
    }
    return false;
}

static int
look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *search = arg;
    (void)size;
    if (search->address ? !has_code_at(info, search->address - info->dlpi_addr)
                        : strcmp(info->dlpi_name, search->name->path) != 0)
        return 0;
    search->too_long = strlen(info->dlpi_name) >= sizeof search->found.path;
    if (search->too_long)
        return 1;
    strcpy(search->found.path, info->dlpi_name);
    if (!read_build_id(info, search->found.build))
        make_build_id(info, search->found.build);
    search->base = info->dlpi_addr;
    search->other_build = search->name && (memcmp(search->found.build, search->name->build, CR_BUILD_ID) != 0 ||
                                           !has_code_at(info, search->name->offset));
    return 1;
}

int
cr_function_name(coir_function *function, struct cr_function_name *name)
{
    struct search search = {.address = (uintptr_t)function};
    *name = search.found;
    if (!search.address || !dl_iterate_phdr(look_at, &search))
        return -ENOENT;
    if (search.too_long)
        return -ENAMETOOLONG;
    *name = search.found;
    name->offset = search.address - search.base;
    return 0;
}

int
cr_function_find(const struct cr_function_name *name, coir_function **function)
{
    struct search search = {.name = name};
    *function = NULL;
    /* It stays loaded: the function may be running for as long as it likes. */
    if (!dl_iterate_phdr(look_at, &search) &&
        (!name->path[0] || !dlopen(name->path, RTLD_NOW) || !dl_iterate_phdr(look_at, &search)))
        return -ENOENT;
    if (search.other_build)
        return -ESTALE;
    *function = (coir_function *)(search.base + name->offset);
    return 0;
}
