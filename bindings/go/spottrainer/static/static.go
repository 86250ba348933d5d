//go:build spot_static

// Package static holds the library as an archive, for programs that are built with `-tags spot_static`. make.sh puts it
// here, beside this file, so that `go mod vendor` takes it along.
package static

/*
#if !__has_include("archive.h")
#error "there is no archive of spot_trainer to link: first run `go generate ./spottrainer` in bindings/go, then `go mod vendor` again where you did"
#endif
#include "archive.h"
*/
import "C"

// Checksum is the archive's. Go does not look at archives: it links anew because this has changed.
const Checksum = C.SPOT_ARCHIVE_CHECKSUM
