package configs_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
	"go.yaml.in/yaml/v4"
)

func TestExampleIsTheDefaultAndWhole(t *testing.T) {
	c, faults := load(t, string(configs.Example()))
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if !reflect.DeepEqual(c, configs.Default()) {
		t.Errorf("the example is not the default:\n%+v\n%+v", c, configs.Default())
	}
	var tree map[string]any
	if err := yaml.Unmarshal(configs.Example(), &tree); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, "", reflect.TypeFor[configs.Config](), tree)
	onDisk, err := os.ReadFile("latchkey.example.yaml")
	if err != nil || !slices.Equal(onDisk, configs.Example()) {
		t.Errorf("the example differs from its file: %v", err)
	}
}

// sameKeys asks that a block of the example has every key of its struct. That
// it has no others is Load's business.
func sameKeys(t *testing.T, path string, typ reflect.Type, tree map[string]any) {
	t.Helper()
	for f := range typ.Fields() {
		key := f.Tag.Get("yaml")
		value, ok := tree[key]
		if !ok {
			t.Errorf("the example lacks %s%s", path, key)
			continue
		}
		if f.Tag.Get("doc") == "" {
			t.Errorf("%s%s has no description", path, key)
		}
		at, block := f.Type, value
		if list, ok := value.([]any); ok && at.Kind() == reflect.Slice && at.Elem().Kind() == reflect.Struct {
			if len(list) == 0 {
				continue
			}
			at, block = at.Elem(), list[0]
		}
		if at.Kind() != reflect.Struct {
			continue
		}
		inner, ok := block.(map[string]any)
		if !ok {
			t.Errorf("%s%s is a %T in the example", path, key, block)
			continue
		}
		sameKeys(t, path+key+".", at, inner)
	}
}

// uncomment takes the # from the block of the example that follows a line.
func uncomment(t *testing.T, line string) string {
	t.Helper()
	before, after, found := strings.Cut(string(configs.Example()), line+"\n")
	if !found {
		t.Fatal("the comment is gone")
	}
	block, rest, _ := strings.Cut(after, "\n\n")
	block = strings.ReplaceAll("\n"+block, "\n#", "\n")
	return before + strings.TrimPrefix(block, "\n") + "\n\n" + rest
}

// The commented parts of the example are there to be uncommented.
func TestExampleInComments(t *testing.T) {
	c, faults := load(t, uncomment(t, "would be:"))
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if len(c.Routes) != 2 || c.Routes[1].Name != "grafana" || !c.Routes[1].Identity.Assertion {
		t.Errorf("%+v", c.Routes)
	}
	c, faults = load(t, strings.Replace(uncomment(t, "could be:"), "jobs: []", "jobs:", 1))
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	up, faults := load(t, strings.Replace(uncomment(t, "could look like this:"), "upstreams: []", "upstreams:", 1))
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if len(up.Upstreams) != 1 || up.Upstreams[0].Name != "packages" || up.Upstreams[0].Send != "basic" || len(up.Warnings()) != 0 {
		t.Errorf("%+v", up.Upstreams)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"corp-secret", "ghe-secret"} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	who, faults := load(t, strings.Replace(uncomment(t, "# teams, might be:"), "providers: []", "providers:", 1))
	if faults != nil {
		t.Fatal(strings.Join(faults, "\n"))
	}
	if len(who.Providers) != 2 || !who.Providers[0].AutoCreateUsers || who.Providers[1].Unlock != "password" || len(who.Warnings()) != 0 {
		t.Errorf("%+v", who.Providers)
	}
	if len(c.Jobs) != 1 || len(c.Jobs[0].Mappings) != 2 || c.Jobs[0].Mappings[1].Life != configs.DefaultJobLife || len(c.Warnings()) != 0 {
		t.Errorf("%+v", c.Jobs)
	}
}

func TestEnvironmentNamesAreUnique(t *testing.T) {
	seen := map[string]string{}
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for f := range typ.Fields() {
			at := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, at)
				continue
			}
			name := configs.EnvName(at)
			if other, taken := seen[name]; taken {
				t.Errorf("%s is %s and %s", name, other, at)
			}
			seen[name] = at
		}
	}
	walk(reflect.TypeFor[configs.Config](), "")
	if seen["LATCHKEY_HTTP_TLS_CERT_FILE"] != "http.tls.cert_file" {
		t.Error(seen)
	}
}
