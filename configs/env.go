package configs

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Prefix begins every variable that sets a key.
const Prefix = "LATCHKEY_"

// serviceLink is what Kubernetes puts into every container for a service whose
// name begins with latchkey. Nobody wrote these, so they are not settings.
var serviceLink = regexp.MustCompile(`^LATCHKEY_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$|^LATCHKEY_([A-Z0-9_]+_)?PORT=(tcp|udp|sctp)://`)

// EnvName is the variable that sets the key at path: http.listen is
// LATCHKEY_HTTP_LISTEN.
func EnvName(path string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// env puts the environment over the file.
func (l *loader) env(environ, reserved []string) {
	given := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, Prefix) {
			given[name] = value
		}
	}
	known := envFields(reflect.ValueOf(l.c).Elem(), "")
	for _, name := range slices.Sorted(maps.Keys(given)) {
		text := given[name]
		f, ok := known[name]
		switch {
		case slices.Contains(reserved, name):
		case ok:
			delete(l.refused, f.path)
			l.setEnv(name, text, f)
		case serviceLink.MatchString(name) || serviceLink.MatchString(name+"="+text):
		case fileOnly(name):
			l.add(printable(name), 0, "", "this part of the configuration is read from the file only")
		default:
			l.add(printable(name), 0, "", "unknown variable; the nearest is "+nearest(name, slices.Collect(maps.Keys(known))))
		}
	}
}

func (l *loader) setEnv(name, text string, f envField) {
	here := origin{file: name}
	l.origins[f.path] = here
	if f.v.Kind() != reflect.Slice {
		if err := setScalar(f.v, text); err != nil {
			l.refuse(f.path, here, err.Error())
		}
		return
	}
	list := []string{}
	if strings.TrimSpace(text) != "" {
		for i, word := range strings.Split(text, ",") {
			item := reflect.New(f.v.Type().Elem()).Elem()
			if err := setScalar(item, strings.TrimSpace(word)); err != nil {
				l.refuse(fmt.Sprintf("%s[%d]", f.path, i), here, err.Error())
				continue
			}
			list = append(list, item.String())
		}
	}
	f.v.Set(reflect.ValueOf(list))
}

// envField is a key that the environment can set.
type envField struct {
	path string
	v    reflect.Value
}

// envFields is every scalar and list of scalars under v, by its variable.
func envFields(v reflect.Value, path string) map[string]envField {
	out := map[string]envField{}
	for f := range v.Type().Fields() {
		at, fv := join(path, f.Tag.Get("yaml")), v.FieldByIndex(f.Index)
		switch {
		case fv.Kind() == reflect.Struct:
			maps.Copy(out, envFields(fv, at))
		case fv.Kind() != reflect.Slice || fv.Type().Elem().Kind() == reflect.String:
			out[EnvName(at)] = envField{at, fv}
		}
	}
	return out
}

// fileOnly is true for variables that mean a list of blocks.
func fileOnly(name string) bool {
	for f := range reflect.TypeFor[Config]().Fields() {
		block := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct
		own := EnvName(f.Tag.Get("yaml"))
		if block && (name == own || strings.HasPrefix(name, own+"_")) {
			return true
		}
	}
	return false
}
