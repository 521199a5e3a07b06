# llhttp.cmake: makes coir_llhttp, the HTTP/1 parser, or leaves it undefined and says why.
#
# First the installed library (find_package); else the generated C that Debian's package node-llhttp installs, compiled
# with the strict parser and without our warnings, which are about our code.
find_package(llhttp QUIET CONFIG)
foreach(candidate llhttp::llhttp llhttp::llhttp_static llhttp::llhttp_shared)
    if(TARGET ${candidate} AND NOT TARGET coir_llhttp)
        add_library(coir_llhttp INTERFACE)
        target_link_libraries(coir_llhttp INTERFACE ${candidate})
        message(STATUS "coir: llhttp: ${candidate} ${llhttp_VERSION}")
    endif()
endforeach()
if(TARGET coir_llhttp)
    return()
endif()

find_path(COIR_LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_CMAKE_FIND_ROOT_PATH)
find_path(COIR_LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(COIR_LLHTTP_SOURCES COIR_LLHTTP_INCLUDE)
if(COIR_LLHTTP_SOURCES AND COIR_LLHTTP_INCLUDE)
    add_library(coir_llhttp STATIC
        ${COIR_LLHTTP_SOURCES}/api.c ${COIR_LLHTTP_SOURCES}/http.c ${COIR_LLHTTP_SOURCES}/llhttp.c)
    target_include_directories(coir_llhttp SYSTEM PUBLIC ${COIR_LLHTTP_INCLUDE})
    target_compile_definitions(coir_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
    target_compile_options(coir_llhttp PRIVATE -w -fno-omit-frame-pointer)
    set_target_properties(coir_llhttp PROPERTIES POSITION_INDEPENDENT_CODE ON)
    message(STATUS "coir: llhttp: from ${COIR_LLHTTP_SOURCES}")
else()
    message(STATUS "coir: llhttp: not found (Debian: node-llhttp)")
endif()
