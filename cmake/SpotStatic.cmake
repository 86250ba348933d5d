# The library as one static archive. It holds one object, linked out of the C ABI and the rooms, whose only global symbols
# are those of spot_trainer.h: a program may hold another version of what is inside, FlatBuffers for instance.

# What the archive leaves to the program's link, as flags: names of targets would mean something else in another project.
set(SPOT_STATIC_LIBRARIES "")
foreach(target DNNL::dnnl hwy::hwy CURL::libcurl ZLIB::ZLIB)
  get_target_property(file ${target} LOCATION)
  cmake_path(GET file PARENT_PATH folder)
  if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    list(APPEND SPOT_STATIC_LIBRARIES "-L${folder}")
  endif()
endforeach()
set(runtime ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(FILTER runtime INCLUDE REGEX "^(std)?c\\+\\+")
foreach(library dnnl hwy curl z ${OpenMP_CXX_LIB_NAMES} ${runtime} m ${CMAKE_DL_LIBS})
  list(APPEND SPOT_STATIC_LIBRARIES "-l${library}")
endforeach()
list(REMOVE_DUPLICATES SPOT_STATIC_LIBRARIES)

set(rooms spot_session spot_policy spot_train spot_interrupt spot_snapshot spot_checkpoint spot_engine_cpu spot_engine spot_data spot_net spot_base)
list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
set(object "${CMAKE_CURRENT_BINARY_DIR}/spot_trainer.o")
add_custom_command(OUTPUT "${object}"
  COMMAND sh "${PROJECT_SOURCE_DIR}/cmake/one_object.sh" "${CMAKE_CXX_COMPILER}" "${CMAKE_NM}" "${CMAKE_OBJCOPY}" "${object}"
          "$<TARGET_OBJECTS:spot_trainer>" ${archives}
  DEPENDS cmake/one_object.sh spot_trainer ${rooms}  # not its object files: only Ninja knows how to make those
  COMMENT "Linking spot_trainer.o"
  COMMAND_EXPAND_LISTS VERBATIM)

add_library(spot_trainer_static STATIC "${object}")
add_library(spot_trainer::static ALIAS spot_trainer_static)
set_target_properties(spot_trainer_static PROPERTIES
  EXPORT_NAME static
  OUTPUT_NAME spot_trainer
  LINKER_LANGUAGE C)  # a program in C links it without a C++ compiler
if(NOT SPOT_BUILD_STATIC)  # built when something links it
  set_target_properties(spot_trainer_static PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
target_include_directories(spot_trainer_static
  INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_link_libraries(spot_trainer_static INTERFACE ${SPOT_STATIC_LIBRARIES})
