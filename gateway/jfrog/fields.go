package jfrog

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// maxFieldName is the longest name of a field that is repeated to a client.
const maxFieldName = 24 // bytes

// readFields reads the body of r, a JSON object or a form, into v: a pointer to
// a struct whose fields are texts, secrets, *int64 and *bool, all with json
// names. Clients send either and mean the same, so both are read as one: each
// name letter by letter and at most once. An empty field of a form is as if
// nothing was said. Errors are as readJSON's.
func readFields(w http.ResponseWriter, r *http.Request, v any, o strictjson.Options) error {
	if !isForm(r) {
		return readJSON(w, r, v, o)
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	object, err := formObject(string(body), reflect.TypeOf(v).Elem(), o)
	if err != nil {
		return err
	}
	return decodeJSON(object, v, o)
}

// readTokenFields is readFields for requests about tokens. No name that is not
// known is taken: a misspelt one would leave a token wider or longer than it
// was meant. null, and no body at all, are as if nothing was said.
//
// A body that cannot be taken is auth.Invalid, of the request as a whole (RFC
// 6749 section 5.2 has invalid_request for a repeated scope), unless it is too
// large.
func readTokenFields(w http.ResponseWriter, r *http.Request, v any) error {
	if r.ContentLength == 0 && len(r.Header.Values("Content-Type")) == 0 {
		return nil
	}
	err := readFields(w, r, v, strictjson.Options{AllowNull: true})
	if e, ok := errors.AsType[*auth.Error](err); ok {
		switch e.Code {
		case auth.Invalid:
			return invalid("", e.Reason)
		case codeWrongType:
			return invalid("", e.Reason+" or "+mediaForm)
		}
	}
	return err
}

// formObject writes a form as the JSON object that says the same to the struct
// type t. Names that are not known are left out where o allows them, unless they
// are known ones in other letters.
func formObject(body string, t reflect.Type, o strictjson.Options) ([]byte, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalid("", "the body is not a form")
	}
	types := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		types[t.Field(i).Tag.Get("json")] = t.Field(i).Type
	}
	object := make(map[string]any, len(form))
	for name, values := range form {
		kind, known := types[name]
		switch {
		case !known && o.AllowUnknown && !resembles(name, types):
			continue
		case !known:
			return nil, invalid("", unknownField(name, body))
		case len(values) > 1:
			return nil, invalid(name, name+" is given more than once")
		case !utf8.ValidString(values[0]):
			return nil, invalid(name, name+" is not valid UTF-8")
		case values[0] == "":
			continue
		}
		if object[name], err = fieldValue(name, values[0], kind); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, &auth.Error{Code: auth.Internal, Reason: "the form cannot be read", Err: err}
	}
	return text, nil
}

// unknownField says why a form is refused that has a field of the given name.
// The name is repeated only where it looks like one: a secret that was sent
// without its name stands in the same place.
func unknownField(name, body string) string {
	switch {
	case strings.HasPrefix(strings.TrimSpace(body), "{"):
		return "the body looks like JSON and calls itself a form; send it as Content-Type: " + mediaJSON
	case isFieldName(name):
		return "the field " + name + " is not known here"
	}
	return "the body has a field that is not known here"
}

// isFieldName reports a short word of letters and underscores.
func isFieldName(name string) bool {
	return name != "" && len(name) <= maxFieldName &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// resembles reports a name that differs from a known one in its letters' case.
func resembles(name string, known map[string]reflect.Type) bool {
	for k := range known {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// fieldValue is one value of a form as JSON has it. Whole numbers are written
// in one way only; python's clients write True and False.
func fieldValue(name, value string, t reflect.Type) (any, error) {
	if t.Kind() != reflect.Pointer {
		return value, nil
	}
	if t.Elem().Kind() == reflect.Int64 {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != value {
			return nil, invalid(name, name+" must be a whole number")
		}
		return n, nil
	}
	switch strings.ToLower(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, invalid(name, name+" must be true or false")
}
