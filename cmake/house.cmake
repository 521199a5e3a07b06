# house.cmake: how every file of coir is compiled.

# coir_sources(VARIABLE FOLDER...): all C files of these folders, as paths from the root. A new file is noticed by the
# next build; an empty or missing folder gives nothing.
function(coir_sources variable)
    set(found "")
    foreach(folder ${ARGN})
        file(GLOB sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c)
        list(APPEND found ${sources})
    endforeach()
    set(${variable} ${found} PARENT_SCOPE)
endfunction()

string(REGEX MATCH "address" COIR_IS_ASAN "${COIR_SANITIZE}")
string(REGEX MATCH "thread" COIR_IS_TSAN "${COIR_SANITIZE}")

# coir_sanitize(TARGET): compiles and links it with the sanitizers asked for.
function(coir_sanitize target)
    if(COIR_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${COIR_SANITIZE} -fno-sanitize-recover=all)
        target_link_options(${target} PRIVATE -fsanitize=${COIR_SANITIZE})
        # context/sanitizer.h must know in every file alike, also in the one that is not instrumented.
        target_compile_definitions(${target} PRIVATE $<$<NOT:$<STREQUAL:,${COIR_IS_ASAN}>>:CR_ASAN>
                                                     $<$<NOT:$<STREQUAL:,${COIR_IS_TSAN}>>:CR_TSAN>)
    endif()
    if(COIR_FUZZ)
        target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
endfunction()

# coir_house(TARGET): compiles it as our own code: gnu11 (tests in C++: gnu++17), all warnings, includes from the repository's root.
# Everything is PRIVATE: who uses the library keeps his own ways.
function(coir_house target)
    set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS ON
        CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON)
    target_include_directories(${target} PRIVATE ${coir_SOURCE_DIR} ${coir_SOURCE_DIR}/include)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE $<$<BOOL:${COIR_CHECKED}>:CR_CHECKED>)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wshadow -Wconversion $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<BOOL:${COIR_WERROR}>:-Werror>
        -fvisibility=hidden
        -fno-omit-frame-pointer) # so that a debugger and perf see every fiber's callers
    coir_sanitize(${target})
endfunction()
