# What `cmake --install` puts where. Neither the CMake package nor the .pc file knows what is inside the library.

include(CMakePackageConfigHelpers)

install(TARGETS spot_trainer spot_trainer_cpp EXPORT SpotTrainerTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET spot_trainer_cuda)  # where the library looks for it, and for nobody to link
  install(TARGETS spot_trainer_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/spot_trainer")
endif()
install(FILES include/spot_trainer.h bindings/cpp/spot_trainer.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/SpotTrainer")
install(EXPORT SpotTrainerTargets NAMESPACE SpotTrainer:: DESTINATION "${package_dir}")
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/SpotTrainerConfig.cmake"
  "include(\"\${CMAKE_CURRENT_LIST_DIR}/SpotTrainerTargets.cmake\")\n")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/SpotTrainerConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/SpotTrainerConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/SpotTrainerConfigVersion.cmake" DESTINATION "${package_dir}")

configure_file(cmake/spot_trainer.pc.in spot_trainer.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spot_trainer.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(SPOT_BUILD_SPOTCTL)
  set_target_properties(spotctl PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS spotctl RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  install(FILES examples/spotctl/spotctl.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
  foreach(shell bash zsh fish)
    set(script "${CMAKE_CURRENT_BINARY_DIR}/spotctl.${shell}")
    add_custom_command(OUTPUT "${script}" COMMAND spotctl completion ${shell} > "${script}" DEPENDS spotctl)
    list(APPEND completions "${script}")
  endforeach()
  add_custom_target(spotctl_completions ALL DEPENDS ${completions})
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spotctl.bash" RENAME spotctl
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spotctl.zsh" RENAME _spotctl
    DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/spotctl.fish"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
endif()
