/* pack.c: the header of a small protocol as bytes, and back: a number that says what it is, a version, how many bytes
 * follow, in the order of the network; and a record with a name of a fixed length. */
#include <coir/pack.h>
#include <stdio.h>

int
main(void)
{
    unsigned char bytes[64];
    char name[8];
    unsigned magic, length;
    unsigned char version;
    int used;
    double price;
    ssize_t size = coir_pack(bytes, sizeof bytes, ">IBxI", 0xC01Cu, 2, 1500u);
    if (size < 0)
        return 1;
    printf("header of %zd bytes:", size);
    for (ssize_t i = 0; i < size; i++)
        printf(" %02x", bytes[i]);
    if (coir_unpack(bytes, (size_t)size, ">IBxI", &magic, &version, &length) < 0)
        return 1;
    printf("\nmagic %x, version %d, %u bytes follow\n", magic, version, length);

    size = coir_pack(bytes, sizeof bytes, "<9pd", "coir", 4, 12.5); /* a text with its length, a double */
    if (size < 0 || coir_unpack(bytes, (size_t)size, "<9pd", name, &used, &price) < 0)
        return 1;
    printf("record of %zd bytes: %.*s costs %.2f\n", size, used, name, price);

    /* What is wrong is named, with its place; nothing is read or written beyond the memory given. */
    if (coir_unpack(bytes, 6, ">IBxI", &magic, &version, &length) == -EMSGSIZE)
        printf("%s\n", coir_error_detail());
    if (coir_pack(bytes, sizeof bytes, ">IBz", 1u, 2) == -EINVAL)
        printf("%s\n", coir_error_detail());
    if (coir_pack(bytes, sizeof bytes, ">IB", 1u, 300) == -EOVERFLOW)
        printf("%s\n", coir_error_detail());
    return 0;
}
