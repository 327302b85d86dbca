// Package strictjson reads a request's JSON as one thing only: a document that
// two parsers read differently is a way around a check.
//
// encoding/json matches keys without regard to case (the long s of "uſer" folds
// onto "user"), takes the last of two equal keys, and reads null as anything.
// Decode refuses all of that before it lets encoding/json fill in the value.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how many objects and lists may lie inside each other.
const MaxDepth = 4

// Error says what is wrong with a document. It never repeats a value.
type Error struct {
	Field  string // the key that it is about, where it is a known one
	Reason string // one sentence
}

func (e *Error) Error() string { return e.Reason }

// Options loosen what Decode takes, for clients that are written already.
type Options struct {
	AllowUnknown bool // ignore keys that are not known, unless they look like a known one
	AllowNull    bool // null stands for an absent value
}

// Decode reads body, one JSON object and nothing after it, into v, a pointer to
// a struct whose exported fields all bear a json name. The text must be valid
// UTF-8, every key of the outermost object one of v's names letter by letter,
// no key twice in any object, and no null. Every error is an *Error.
func Decode(body []byte, v any, o Options) error {
	if !utf8.Valid(body) {
		return wrong("", "the body is not valid UTF-8")
	}
	c := checker{o, jsonNames(reflect.TypeOf(v).Elem())}
	if err := c.document(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return wrong(mismatch.Field, "%q must be %s", mismatch.Field, typeInWords(mismatch.Type))
		}
		return wrong("", "the body is not the JSON that is expected here")
	}
	return nil
}

// checker walks the tokens of a document.
type checker struct {
	Options
	names map[string]bool
}

func (c checker) document(body []byte) error {
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber()
	first, err := in.Token()
	if err != nil || first != json.Delim('{') {
		return wrong("", "the body must be one JSON object")
	}
	if err := c.object(in, 1); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return wrong("", "something follows the JSON object")
	}
	return nil
}

// object reads up to the object's end. Only the outermost one has known names:
// what lies deeper is judged by its type.
func (c checker) object(in *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for {
		token, err := in.Token()
		if err != nil {
			return broken(in)
		}
		if token == json.Delim('}') {
			return nil
		}
		key, ok := token.(string)
		switch {
		case !ok:
			return broken(in)
		case depth == 1 && !c.names[key] && (!c.AllowUnknown || c.resembles(key)):
			return wrong("", "the body has a key that is not known here")
		case seen[key]:
			return wrong(c.known(key, depth), "a key occurs twice")
		}
		seen[key] = true
		if token, err = in.Token(); err != nil {
			return broken(in)
		}
		if token == nil {
			if c.AllowNull {
				continue
			}
			return wrong(c.known(key, depth), "null is not a value here; leave the key out")
		}
		if err := c.value(in, token, depth+1); err != nil {
			return err
		}
	}
}

// value reads the rest of the value that token began.
func (c checker) value(in *json.Decoder, token json.Token, depth int) error {
	if depth > MaxDepth {
		return wrong("", "the body is nested too deeply")
	}
	switch token {
	case json.Delim('{'):
		return c.object(in, depth)
	case json.Delim('['):
		return c.list(in, depth)
	}
	if text, ok := token.(string); ok && strings.ContainsRune(text, utf8.RuneError) {
		return wrong("", "a text holds the replacement character: it was damaged on its way")
	}
	return nil
}

func (c checker) list(in *json.Decoder, depth int) error {
	for {
		token, err := in.Token()
		switch {
		case err != nil:
			return broken(in)
		case token == json.Delim(']'):
			return nil
		case token == nil && !c.AllowNull:
			return wrong("", "null is not a value here")
		}
		if err := c.value(in, token, depth+1); err != nil {
			return err
		}
	}
}

// known is key where the outermost object knows it, so that an error may say it.
func (c checker) known(key string, depth int) string {
	if depth == 1 && c.names[key] {
		return key
	}
	return ""
}

// resembles reports a key that encoding/json would take for a known one.
func (c checker) resembles(key string) bool {
	for name := range c.names {
		if strings.EqualFold(name, key) {
			return true
		}
	}
	return false
}

// jsonNames is the set of keys that the struct type t takes.
func jsonNames(t reflect.Type) map[string]bool {
	names := make(map[string]bool, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names[name] = true
		}
	}
	return names
}

func typeInWords(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	}
	return "a text"
}

func broken(in *json.Decoder) error {
	return wrong("", "the body is not JSON (near byte %d)", in.InputOffset())
}

func wrong(field, format string, args ...any) error {
	return &Error{Field: field, Reason: fmt.Sprintf(format, args...)}
}
