# uring.cmake: liburing, for the backend uring. Without it the library is the same, but for that backend.
#
# Only what can be done is asked of the running kernel; here it is only looked whether the code can be built. Who links
# the static library needs liburing, too: coirConfig.cmake and coir.pc say so (COIR_PC_REQUIRES).
option(COIR_URING "Have the backend uring, if liburing is there" ON)
set(COIR_URING_MINIMUM 2.3)
set(COIR_PC_REQUIRES "")
set(COIR_URING_FOUND OFF)
if(COIR_URING)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        # Global: a project that has coir inside links coir's libraries from its own folder.
        pkg_check_modules(COIR_URING QUIET IMPORTED_TARGET GLOBAL liburing>=${COIR_URING_MINIMUM})
    endif()
    if(COIR_URING_FOUND)
        set(COIR_PC_REQUIRES "liburing >= ${COIR_URING_MINIMUM}")
    else()
        message(STATUS "coir: no backend uring: liburing ${COIR_URING_MINIMUM} is missing (Debian: liburing-dev)")
    endif()
endif()
