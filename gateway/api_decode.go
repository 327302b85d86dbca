package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	maxJSONBody  = 64 << 10 // bytes of a request's body
	maxJSONDepth = 4        // objects and lists inside each other; the API itself needs two
)

// readJSON reads the body of r, one JSON object and nothing after it, into v,
// a pointer to a struct whose exported fields all bear a json name.
//
// It is stricter than encoding/json, because a request that two parsers read
// differently is a way around a check: the Content-Type must be
// application/json (which a form of another site cannot send), the text valid
// UTF-8, every key of the outermost object one of v's names letter by letter,
// no key twice in any object, no null, and nothing behind the object. Errors
// are of code auth.Invalid with the field's name, or say that the body is too
// large or of another type; they never repeat a value.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if err := mustBeJSON(r.Header); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSONBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return &auth.Error{Code: codeTooLarge, Reason: fmt.Sprintf("the body is larger than %d KiB", maxJSONBody>>10)}
		}
		return badJSON("", "the body could not be read")
	}
	return decodeJSON(body, v)
}

// mustBeJSON refuses every media type but application/json, with UTF-8 as the
// only charset (RFC 8259 section 8.1).
func mustBeJSON(h http.Header) error {
	if types := h.Values("Content-Type"); len(types) == 1 {
		media, params, err := mime.ParseMediaType(types[0])
		charset, given := params["charset"]
		if err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return &auth.Error{Code: codeWrongType, Reason: "send the body as Content-Type: application/json"}
}

// noBody refuses a request that brings a body where none belongs.
func noBody(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	var one [1]byte
	if n, err := io.ReadFull(r.Body, one[:]); n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return badJSON("", "this request takes no body")
	}
	return nil
}

// decodeJSON is readJSON without HTTP.
func decodeJSON(body []byte, v any) error {
	if !utf8.Valid(body) {
		return badJSON("", "the body is not valid UTF-8")
	}
	if err := checkJSON(body, jsonNames(reflect.TypeOf(v).Elem())); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return badJSON(wrong.Field, "%q must be %s", wrong.Field, typeInWords(wrong.Type))
		}
		return badJSON("", "the body is not the JSON that is expected here")
	}
	return nil
}

// checkJSON walks the tokens of body: one object, keys of names only, none
// twice at any depth, no null.
func checkJSON(body []byte, names map[string]bool) error {
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber()
	first, err := in.Token()
	if err != nil || first != json.Delim('{') {
		return badJSON("", "the body must be one JSON object")
	}
	if err := checkObject(in, names, 1); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return badJSON("", "something follows the JSON object")
	}
	return nil
}

// checkObject reads up to the object's end. names is nil where any key is
// allowed: what lies deeper is judged by its type.
func checkObject(in *json.Decoder, names map[string]bool, depth int) error {
	seen := map[string]bool{}
	for {
		token, err := in.Token()
		if err != nil {
			return brokenJSON(in)
		}
		if token == json.Delim('}') {
			return nil
		}
		key, ok := token.(string)
		switch {
		case !ok:
			return brokenJSON(in)
		case names != nil && !names[key]:
			return badJSON("", "the body has a key that is not known here")
		case seen[key]:
			return badJSON(knownName(names, key), "a key occurs twice")
		}
		seen[key] = true
		if token, err = in.Token(); err != nil {
			return brokenJSON(in)
		}
		if token == nil {
			return badJSON(knownName(names, key), "null is not a value here; leave the key out")
		}
		if err := checkValue(in, token, depth+1); err != nil {
			return err
		}
	}
}

// checkValue reads the rest of the value that token began.
func checkValue(in *json.Decoder, token json.Token, depth int) error {
	if depth > maxJSONDepth {
		return badJSON("", "the body is nested too deeply")
	}
	switch token {
	case json.Delim('{'):
		return checkObject(in, nil, depth)
	case json.Delim('['):
		return checkList(in, depth)
	}
	if text, ok := token.(string); ok && strings.ContainsRune(text, utf8.RuneError) {
		return badJSON("", "a text holds the replacement character: it was damaged on its way")
	}
	return nil
}

func checkList(in *json.Decoder, depth int) error {
	for {
		token, err := in.Token()
		switch {
		case err != nil:
			return brokenJSON(in)
		case token == json.Delim(']'):
			return nil
		case token == nil:
			return badJSON("", "null is not a value here")
		}
		if err := checkValue(in, token, depth+1); err != nil {
			return err
		}
	}
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

func knownName(names map[string]bool, key string) string {
	if names[key] {
		return key
	}
	return ""
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

func brokenJSON(in *json.Decoder) error {
	return badJSON("", "the body is not JSON (near byte %d)", in.InputOffset())
}

func badJSON(field, format string, args ...any) error {
	return &auth.Error{Code: auth.Invalid, Field: field, Reason: fmt.Sprintf(format, args...)}
}

// secretText is a text of a request that must not be seen again.
type secretText struct{ auth.Secret }

// UnmarshalText takes the secret in.
func (s *secretText) UnmarshalText(text []byte) error {
	s.Secret = auth.NewSecret(string(text))
	return nil
}
