# install.cmake: libraries, headers, `find_package(coir)` with coir::coir and coir::static, coir.pc, and the program.
include(CMakePackageConfigHelpers)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/coir)
install(TARGETS coir_shared coir_static EXPORT coir
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/coir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT coir NAMESPACE coir:: DESTINATION ${config_folder} FILE coirTargets.cmake)
configure_package_config_file(cmake/coirConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/coirConfig.cmake
    INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/coirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/coirConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/coirConfigVersion.cmake
    DESTINATION ${config_folder})

# The paths in coir.pc are relative to the file, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
configure_file(coir.pc.in ${CMAKE_CURRENT_BINARY_DIR}/coir.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/coir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET coir_program)
    install(TARGETS coir_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
