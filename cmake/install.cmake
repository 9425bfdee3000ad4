# Installation, in two components, and the package that find_package(tc) reads:
#
#   runtime    libtc_runtime.a, libtc_runtime.so, include/tc/runtime
#   compiler   libtc_compiler.so, all other headers and the programs; needs neither LLVM
#              nor fmt to use
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(TC_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tc)

set_target_properties(tc_runtime PROPERTIES EXPORT_NAME runtime)
set_target_properties(tc_runtime_shared PROPERTIES EXPORT_NAME runtime_shared)
set_target_properties(tc_compiler PROPERTIES EXPORT_NAME compiler)

install(TARGETS tc_runtime tc_runtime_shared EXPORT tcRuntime
  LIBRARY COMPONENT runtime ARCHIVE COMPONENT runtime)
install(DIRECTORY include/tc/runtime DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tc COMPONENT runtime
  PATTERN accel EXCLUDE)
install(TARGETS tc_compiler EXPORT tcCompiler LIBRARY COMPONENT compiler)
install(DIRECTORY include/tc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT compiler
  PATTERN runtime EXCLUDE)
install(DIRECTORY include/tc/runtime/accel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tc/runtime COMPONENT compiler)
foreach(PROGRAM tensorc tc-worker)   # the one starts the other, from its own folder
  if(TARGET ${PROGRAM})
    set_target_properties(${PROGRAM} PROPERTIES INSTALL_RPATH $ORIGIN/../${CMAKE_INSTALL_LIBDIR})
    install(TARGETS ${PROGRAM} RUNTIME COMPONENT compiler)
  endif()
endforeach()

install(EXPORT tcRuntime NAMESPACE tc:: DESTINATION ${TC_PACKAGE_DIR} COMPONENT runtime)
install(EXPORT tcCompiler NAMESPACE tc:: DESTINATION ${TC_PACKAGE_DIR} COMPONENT compiler)
configure_package_config_file(cmake/tcConfig.cmake.in ${PROJECT_BINARY_DIR}/tcConfig.cmake
  INSTALL_DESTINATION ${TC_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tcConfig.cmake ${PROJECT_BINARY_DIR}/tcConfigVersion.cmake
  DESTINATION ${TC_PACKAGE_DIR} COMPONENT runtime)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
