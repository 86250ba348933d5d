# Run by cpack when the components lie in their folders: adds what Debian's policy asks of a package.

# compress(FILE): as gzip -9n, which leaves no time in it.
function(compress file)
  execute_process(COMMAND gzip -9nf "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(version "${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(folder "${CPACK_TEMPORARY_DIRECTORY}/${component}/usr/share")
  set(documents "${folder}/doc/${package}")
  file(MAKE_DIRECTORY "${documents}")
  configure_file("${CPACK_SPOT_SOURCE_DIR}/cmake/debian/copyright" "${documents}/copyright" COPYONLY)
  configure_file("${CPACK_SPOT_SOURCE_DIR}/CHANGELOG.md" "${documents}/changelog" COPYONLY)
  file(WRITE "${documents}/changelog.Debian"
    "spot-trainer (${version}) unstable; urgency=medium\n\n  * Release ${CPACK_PACKAGE_VERSION}; see changelog.gz.\n\n"
    " -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${CPACK_SPOT_DATE}\n")
  compress("${documents}/changelog")
  compress("${documents}/changelog.Debian")
  file(GLOB pages "${folder}/man/man1/*.1")
  foreach(page IN LISTS pages)
    compress("${page}")
  endforeach()
  if(EXISTS "${folder}/zsh/site-functions")
    file(RENAME "${folder}/zsh/site-functions" "${folder}/zsh/vendor-completions")
  endif()
endforeach()
