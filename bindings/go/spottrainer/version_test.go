//go:build !spot_static

package spottrainer_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spot-trainer/spot-trainer/bindings/go/spottrainer"
)

func TestVersion(t *testing.T) {
	check(t, spottrainer.CheckABI())
	equal(t, strings.Contains(buildInfo(t).Library, "libspot_trainer.so"), true)
	folder := t.TempDir()
	source, script := filepath.Join(folder, "stub.c"), filepath.Join(folder, "stub.map")
	check(t, os.WriteFile(source, []byte("unsigned spot_abi_version(void) { return 7 * 65536 + 3; }\n"), 0o600))
	name, node := libraryName(t)
	check(t, os.WriteFile(script, []byte(node+" { global: *; };\n"), 0o600))
	library := filepath.Join(folder, name)
	compiler, err := exec.Command("cc", "-shared", "-fPIC", "-Wl,--version-script="+script, "-o", library, source).
		CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, compiler)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "SPOT_TEST_CHILD=version", "LD_LIBRARY_PATH="+folder)
	output, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, word := range []string{"true", "ABI 7.3", "ABI 1.0", library} {
		if !strings.Contains(string(output), word) {
			t.Errorf("'%s' does not tell of '%s'", output, word)
		}
	}
}

// libraryName is the name by which this program asks the loader for the library, and its symbols' version node.
func libraryName(t *testing.T) (name, node string) {
	program, err := elf.Open(os.Args[0])
	check(t, err)
	defer program.Close()
	symbols, err := program.ImportedSymbols()
	check(t, err)
	for _, symbol := range symbols {
		if symbol.Name == "spot_abi_version" {
			return symbol.Library, symbol.Version
		}
	}
	t.Fatal("this program imports nothing of the library")
	return "", ""
}
