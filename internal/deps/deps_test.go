package deps_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/latchkey-io/latchkey"

// anything marks a package that may import every other.
const anything = "*"

// rules lists, for each package, which others of this module its code may
// import; patterns are those of path.Match. Tests may import more.
var rules = map[string][]string{
	"auth":               {"keystore", "internal/seal", "internal/limit", "internal/event"},
	"cmd/*":              {anything},
	"configs":            {},
	"gateway":            {"auth", "gateway/assertion", "gateway/jfrog", "gateway/web", "internal/event", "internal/limit", "internal/seal", "internal/strictjson"},
	"gateway/assertion":  {},
	"gateway/jfrog":      {"auth", "internal/strictjson"},
	"gateway/web":        {"auth", "gateway/jfrog"},
	"internal/*":         {},
	"internal/mail/*":    {},
	"keystore":           {},
	"keystore/bolt":      {"keystore"},
	"keystore/redis":     {"keystore"},
	"keystore/storetest": {"keystore"},
	"lfs":                {"auth"},
	"oauth":              {"auth", "internal/limit", "internal/seal"},
	"sshd":               {"auth", "internal/event", "internal/limit"},
}

// forTests are the packages that only tests may import.
var forTests = []string{"internal/mail/mailtest", "internal/testidp", "keystore/storetest"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, p := range list(t) {
		name := short(p.ImportPath)
		allowed, known := ruleFor(name)
		if !known {
			t.Errorf("%s is not in the table of who may import whom: give it a line", name)
			continue
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			if other := short(imported); !matches(allowed, other) {
				t.Errorf("%s imports %s; it may import %s", name, other, words(allowed))
			}
		}
	}
}

// Code that people run has no test code in it.
func TestNoTestCodeInTheProgram(t *testing.T) {
	for _, p := range list(t) {
		name := short(p.ImportPath)
		if slices.Contains(forTests, name) {
			continue
		}
		for _, imported := range p.Imports {
			if imported == "testing" || slices.Contains(forTests, short(imported)) {
				t.Errorf("%s imports %s outside its tests", name, imported)
			}
		}
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	return packages
}

func short(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func ruleFor(name string) (allowed []string, known bool) {
	for pattern, allowed := range rules {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return allowed, true
		}
	}
	return nil, false
}

func matches(allowed []string, name string) bool {
	return slices.Contains(allowed, anything) || slices.Contains(allowed, name)
}

func words(allowed []string) string {
	if len(allowed) == 0 {
		return "nothing of this module"
	}
	return strings.Join(allowed, ", ")
}
