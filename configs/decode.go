package configs

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The tree of the file is walked by hand rather than decoded by the library:
// a decoder stops at, or forgets the place of, what a person wants to know all
// at once and with its line.

var (
	durationType = reflect.TypeFor[time.Duration]()
	notBuiltType = reflect.TypeFor[NotBuilt]()
	routeType    = reflect.TypeFor[Route]()
	mappingType  = reflect.TypeFor[JobMapping]()
	providerType = reflect.TypeFor[Provider]()
	namedType    = reflect.TypeFor[NamedUpstream]()
)

// root fills the Config from the top of the file.
func (l *loader) root(n *yaml.Node) {
	if isNull(n) {
		return
	}
	l.value(n, n.Line, reflect.ValueOf(l.c).Elem(), "")
}

// value fills v, found at path, from n. The line is that of the key, where
// there is one: a block's own line is that of its first entry.
func (l *loader) value(n *yaml.Node, line int, v reflect.Value, path string) {
	here := origin{l.file, line}
	l.origins[path] = here
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		l.refuse(path, here, "anchors and aliases are not supported; write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		l.refuse(path, here, "YAML tags are not supported; write the plain value")
	case v.Kind() == reflect.Struct:
		l.mapping(n, here, v, path)
	case isNull(n):
		l.refuse(path, here, "has no value; write one, or remove the key")
	case v.Kind() == reflect.Slice:
		l.list(n, here, v, path)
	case v.Kind() == reflect.Map:
		l.texts(n, here, v, path)
	case n.Kind != yaml.ScalarNode:
		l.refuse(path, here, "takes one value, not a list or a block")
	default:
		if err := setScalar(v, n.Value); err != nil {
			l.refuse(path, here, err.Error())
		}
	}
}

// mapping fills the struct v.
func (l *loader) mapping(n *yaml.Node, here origin, v reflect.Value, path string) {
	if isNull(n) && n.Kind == yaml.ScalarNode {
		return // a block with everything in it commented out
	}
	if n.Kind != yaml.MappingNode {
		l.refuse(path, here, "takes a block of keys")
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		here := origin{l.file, k.Line}
		if k.Kind != yaml.ScalarNode || k.Anchor != "" {
			l.refuse(path, here, "a key is a plain word")
			continue
		}
		at := join(path, printable(k.Value))
		if first, twice := seen[k.Value]; twice {
			l.refuse(at, here, fmt.Sprintf("is given twice; the first is on line %d", first))
			continue
		}
		seen[k.Value] = k.Line
		f, known := fields[k.Value]
		if !known {
			l.refuse(at, here, unknownKey(k.Value, fields))
			continue
		}
		l.value(val, k.Line, v.FieldByIndex(f.Index), at)
	}
}

func unknownKey(key string, fields map[string]reflect.StructField) string {
	if _, ok := fields[key+"_file"]; ok {
		return fmt.Sprintf("unknown key; a secret is given by file: %s_file", key)
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	return fmt.Sprintf("unknown key; the nearest is %s", nearest(key, names))
}

// list fills the slice v. A list in the file replaces the default whole.
func (l *loader) list(n *yaml.Node, here origin, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		l.refuse(path, here, "takes a list, as [a, b]")
		return
	}
	elem := v.Type().Elem()
	if elem == notBuiltType {
		if len(n.Content) > 0 {
			l.refuse(path, here, unavailable)
		}
		return
	}
	if len(n.Content) > MaxRoutes {
		l.refuse(path, here, fmt.Sprintf("has %d entries; at most %d are accepted", len(n.Content), MaxRoutes))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		out.Index(i).Set(begin(elem))
		at := fmt.Sprintf("%s[%d]", path, i)
		if isNull(c) {
			l.refuse(at, origin{l.file, c.Line}, "is an empty entry; write it, or remove it")
			continue
		}
		l.value(c, c.Line, out.Index(i), at)
	}
	v.Set(out)
}

// begin is what an entry of a list is before the file says anything of it.
func begin(entry reflect.Type) reflect.Value {
	switch entry {
	case routeType:
		return reflect.ValueOf(DefaultRoute())
	case namedType:
		return reflect.ValueOf(DefaultNamedUpstream())
	case providerType:
		return reflect.ValueOf(DefaultProvider())
	case mappingType:
		return reflect.ValueOf(JobMapping{Life: DefaultJobLife})
	}
	return reflect.Zero(entry)
}

// texts fills the map v, of texts by names that are the writer's own. A number
// or truth value is the text that was written.
func (l *loader) texts(n *yaml.Node, here origin, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		l.refuse(path, here, "takes a block of names and texts")
		return
	}
	out := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		here := origin{l.file, k.Line}
		var name string
		if k.Kind != yaml.ScalarNode || k.Anchor != "" || setScalar(reflect.ValueOf(&name).Elem(), k.Value) != nil {
			l.refuse(path, here, "a name is a plain word")
			continue
		}
		at := join(path, printable(name))
		if _, twice := out[name]; twice {
			l.refuse(at, here, "is given twice")
			continue
		}
		text := reflect.New(v.Type().Elem()).Elem()
		l.value(val, k.Line, text, at)
		out[name] = text.String()
	}
	v.Set(reflect.ValueOf(out))
}

// setScalar sets v from text. Its errors are sentences about the value and do
// not repeat it, for it may be a secret in the wrong place.
func setScalar(v reflect.Value, text string) error {
	if len(text) > maxText {
		return fmt.Errorf("is longer than %d bytes", maxText)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("has a line break or a control character in it")
	}
	switch {
	case v.Type() == durationType:
		d, err := parseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		switch strings.ToLower(text) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return fmt.Errorf("takes true or false")
		}
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("takes a whole number")
		}
		v.SetInt(int64(n))
	default:
		return fmt.Errorf("cannot be set")
	}
	return nil
}

// fieldsOf is the struct's fields by their key.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := make(map[string]reflect.StructField, t.NumField())
	for f := range t.Fields() {
		fields[f.Tag.Get("yaml")] = f
	}
	return fields
}

func isNull(n *yaml.Node) bool {
	return n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Style&yaml.TaggedStyle == 0
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent is the path without its last step: a.b[1] → a.b → a.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// printable is a key of a stranger, safe for a terminal.
func printable(s string) string {
	const longest = 64
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	if q := strconv.QuoteToGraphic(s); q[1:len(q)-1] != s {
		return q
	}
	return s
}
