# Debian's packages, made by `cmake --workflow --preset deb`: libspot-trainer<ABI>, libspot-trainer-dev and spotctl. What
# Debian wants of them beyond an installation, debian/stage.cmake does. cmake/README.md says more.

find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
if(NOT DPKG_SHLIBDEPS)
  return()
endif()

set(SPOT_MAINTAINER "The authors of spot-trainer <spot-trainer@localhost>" CACHE STRING
  "Who answers for Debian's packages: Name <address>")

# The system is part of the version: a package made for one release depends on libraries that the next does not have, and
# those of the next are to replace it.
file(STRINGS /etc/os-release system REGEX "^(ID|VERSION_ID)=")
list(SORT system)
string(REGEX REPLACE "[A-Z_]+=|[\";]" "" system "${system}")

set(library_package libspot-trainer${SPOT_ABI_MAJOR})
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/debian/stage.cmake")
set(CPACK_COMPONENTS_ALL library development spotctl)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~${system}")
set(full_version "${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${SPOT_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/debian/triggers")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")  # a newer release of the same ABI has every older symbol
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
"training of neural networks on spot instances, library
A library in C that trains neural networks on machines which can vanish at
two minutes' notice, and loses nothing: it hears of the interruption, makes a
last checkpoint durable, and ends, on the next machine, in the very bytes that
an uninterrupted run would have ended in.
.
This package holds the shared library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libspot-trainer-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library_package} (= ${full_version})")
# For the static archive alone.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS
  "libdnnl-dev, libhwy-dev, libcurl4-openssl-dev | libcurl4-gnutls-dev, zlib1g-dev, g++")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"training of neural networks on spot instances, development
A library in C that trains neural networks on machines which can vanish at
two minutes' notice, and loses nothing.
.
This package holds the headers for C and C++, the static archive, and what
CMake and pkg-config want to know.")

set(CPACK_DEBIAN_SPOTCTL_PACKAGE_NAME spotctl)
set(CPACK_DEBIAN_SPOTCTL_PACKAGE_SECTION science)
set(CPACK_DEBIAN_SPOTCTL_PACKAGE_SHLIBDEPS ON)
get_target_property(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS spot_trainer BINARY_DIR)  # of which no package knows yet
set(CPACK_DEBIAN_SPOTCTL_PACKAGE_DEPENDS "${library_package} (>= ${full_version})")
set(CPACK_COMPONENT_SPOTCTL_DESCRIPTION
"training of neural networks on spot instances, program
A program that trains neural networks on machines which can vanish at two
minutes' notice, and loses nothing: it hears of the interruption, makes a last
checkpoint durable, and ends, on the next machine, in the very bytes that an
uninterrupted run would have ended in.")

string(TIMESTAMP CPACK_SPOT_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(CPACK_SPOT_SOURCE_DIR "${PROJECT_SOURCE_DIR}")
include(CPack)
