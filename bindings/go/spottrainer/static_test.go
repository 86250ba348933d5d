//go:build spot_static

package spottrainer_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The program is the library, and asks the loader for none.
func TestStatic(t *testing.T) {
	program, err := elf.Open(os.Args[0])
	check(t, err)
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	check(t, err)
	equal(t, strings.Contains(strings.Join(libraries, " "), "libspot_trainer"), false)
	equal(t, filepath.Base(buildInfo(t).Library), filepath.Base(os.Args[0]))
}
