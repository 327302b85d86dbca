package configs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
)

var (
	yamlBlock  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	secretFile = regexp.MustCompile(`client_secret_file: *([^\s,}]+)`)
)

// Whoever copies settings from the papers gets settings that work: each block
// is a file, or a list of which the file is the rest.
func TestSettingsOfThePapersAreValid(t *testing.T) {
	for paper, least := range map[string]int{"docs/sign-in.md": 8, "docs/upstreams.md": 1, "README.md": 2} {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(paper)))
		if err != nil {
			t.Fatal(err)
		}
		blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
		if len(blocks) < least {
			t.Errorf("%s has %d blocks: the test tests nothing", paper, len(blocks))
		}
		for _, block := range blocks {
			t.Run(paper, func(t *testing.T) {
				t.Chdir(t.TempDir())
				for _, file := range secretFile.FindAllStringSubmatch(block[1], -1) {
					if err := os.WriteFile(file[1], []byte("x"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				c, faults := load(t, block[1])
				if faults != nil {
					t.Fatalf("%s\n%s", block[1], strings.Join(faults, "\n"))
				}
				if w := c.Warnings(); len(w) > 0 {
					t.Errorf("%s\n%q", block[1], w)
				}
				if strings.HasPrefix(block[1], "providers:") && len(c.Providers) == 0 {
					t.Errorf("%s\nno provider was read", block[1])
				}
			})
		}
	}
}

// providerKeys are the keys of an entry of providers.
func providerKeys() []string {
	var keys []string
	for f := range reflect.TypeFor[configs.Provider]().Fields() {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

// The table of keys names each key that an entry of providers has, and no
// other.
func TestKeysOfProvidersAreInThePaper(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "sign-in.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| key | types |")
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("there is no table of keys")
	}
	said := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(regexp.MustCompile(`(?m)^\|([^|]*)\|.*$`).ReplaceAllString(table, "$1"), -1) {
		said[m[1]] = true
	}
	for _, key := range providerKeys() {
		if !said[key] {
			t.Errorf("the paper lacks the key %s", key)
		}
		delete(said, key)
	}
	for key := range said {
		t.Errorf("the paper has a key %s, which there is not", key)
	}
}
