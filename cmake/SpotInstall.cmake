# What `cmake --install` puts where. Neither the CMake package nor the .pc file knows what is inside the shared library;
# both say what the static archive, where there is one, leaves to the program's link. Components are Debian's packages.

include(CMakePackageConfigHelpers)

install(TARGETS spot_trainer EXPORT spot_trainer-targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library NAMELINK_COMPONENT development)
install(TARGETS spot_trainer_cpp EXPORT spot_trainer-targets)
if(SPOT_BUILD_STATIC)
  install(TARGETS spot_trainer_static EXPORT spot_trainer-targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
endif()
if(TARGET spot_trainer_cuda)  # where the library looks for it, and for nobody to link
  install(TARGETS spot_trainer_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/spot_trainer" COMPONENT cuda)
endif()
install(FILES include/spot_trainer.h bindings/cpp/spot_trainer.hpp
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/spot_trainer")
install(EXPORT spot_trainer-targets NAMESPACE spot_trainer:: DESTINATION "${package_dir}" COMPONENT development)
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/spot_trainer-config.cmake"
  "include(\"\${CMAKE_CURRENT_LIST_DIR}/spot_trainer-targets.cmake\")\n")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/spot_trainer-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spot_trainer-config.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/spot_trainer-config-version.cmake"
  DESTINATION "${package_dir}" COMPONENT development)

# The .pc file finds its prefix from where it lies: that is chosen at installation, and may be moved afterwards.
file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
foreach(directory LIBDIR INCLUDEDIR)
  set(pc_${directory} "\${prefix}")
  cmake_path(APPEND pc_${directory} "${CMAKE_INSTALL_${directory}}")  # which may be absolute
endforeach()
set(pc_libs_private "")
if(SPOT_BUILD_STATIC)
  string(JOIN " " pc_libs_private "Libs.private:" ${SPOT_STATIC_LIBRARIES})
endif()
configure_file(cmake/spot_trainer.pc.in spot_trainer.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spot_trainer.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

if(SPOT_BUILD_SPOTCTL)
  set_target_properties(spotctl PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS spotctl RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT spotctl)
  install(FILES examples/spotctl/spotctl.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT spotctl)
  foreach(shell bash zsh fish)
    set(script "${CMAKE_CURRENT_BINARY_DIR}/spotctl.${shell}")
    add_custom_command(OUTPUT "${script}" COMMAND spotctl completion ${shell} > "${script}" DEPENDS spotctl)
    list(APPEND completions "${script}")
  endforeach()
  add_custom_target(spotctl_completions ALL DEPENDS ${completions})
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spotctl.bash" RENAME spotctl
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT spotctl)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spotctl.zsh" RENAME _spotctl
    DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT spotctl)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spotctl.fish"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT spotctl)
endif()
