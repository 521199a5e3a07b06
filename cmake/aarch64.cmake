# aarch64.cmake: toolchain file for Debian's cross compiler; what it makes runs under qemu-user.
#
# Where COIR_AARCH64_ROOT (build-aarch64/root) has Debian's arm64 libraries in it, as cmake/aarch64-root puts them there,
# the servers, the program and the unit tests are built as on any machine; without, the library and what needs only it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-aarch64;-L;/usr/aarch64-linux-gnu")

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COIR_AARCH64_ROOT)
if(NOT COIR_AARCH64_ROOT)
    get_filename_component(COIR_AARCH64_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build-aarch64/root ABSOLUTE)
endif()
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu ${COIR_AARCH64_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# pkg-config would name this machine's libraries.
set(ENV{PKG_CONFIG_LIBDIR} "${COIR_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${COIR_AARCH64_ROOT}")
if(EXISTS ${COIR_AARCH64_ROOT})
    set(CMAKE_C_FLAGS_INIT "-isystem ${COIR_AARCH64_ROOT}/usr/include/aarch64-linux-gnu")
    set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
    set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${COIR_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu")
    set(CMAKE_BUILD_RPATH ${COIR_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu)
endif()
