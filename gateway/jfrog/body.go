package jfrog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// Limits of bodies.
const (
	maxBody  = 64 << 10 // bytes
	maxNames = 1000     // in a list of user names
)

// The gateway's codes of 413 and 415.
const (
	codeTooLarge  auth.Code = "too_large"
	codeWrongType auth.Code = "unsupported_media_type"
)

// Media types of bodies.
const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
)

// readJSON reads the body of r, one JSON object, into v as strictjson.Decode
// does. The media type is application/json or one that ends in +json, as
// clients name the kinds of objects (RFC 6839 section 3.1), with UTF-8 as the
// only charset. Errors are of code auth.Invalid with the key's name, or say that
// the body is of another media type or too large; none repeats a value.
func readJSON(w http.ResponseWriter, r *http.Request, v any, o strictjson.Options) error {
	body, err := readJSONBody(w, r)
	if err != nil {
		return err
	}
	return decodeJSON(body, v, o)
}

// decodeJSON is readJSON without HTTP.
func decodeJSON(body []byte, v any, o strictjson.Options) error {
	err := strictjson.Decode(body, v, o)
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return invalid(e.Field, e.Reason)
	}
	return err
}

// readNames reads the body of r, a JSON list of user names.
func readNames(w http.ResponseWriter, r *http.Request) ([]string, error) {
	body, err := readJSONBody(w, r)
	if err != nil {
		return nil, err
	}
	var list []*string
	if err := json.Unmarshal(body, &list); err != nil || list == nil {
		return nil, invalid("", "the body must be a JSON list of user names")
	}
	if len(list) == 0 || len(list) > maxNames {
		return nil, invalid("", fmt.Sprintf("the list must hold 1 to %d user names", maxNames))
	}
	names := make([]string, 0, len(list))
	for _, name := range list {
		if name == nil {
			return nil, invalid("", "the body must be a JSON list of user names")
		}
		canonical, err := auth.CanonicalName(*name)
		if err != nil {
			return nil, err
		}
		names = append(names, canonical)
	}
	return names, nil
}

// ignoreBody takes in a body that says nothing here.
func ignoreBody(w http.ResponseWriter, r *http.Request) error {
	_, err := readBody(w, r)
	return err
}

// readJSONBody reads a body that calls itself JSON.
func readJSONBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !isJSON(r) {
		return nil, &auth.Error{Code: codeWrongType, Reason: "send the body as Content-Type: " + mediaJSON}
	}
	return readBody(w, r)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &auth.Error{Code: codeTooLarge, Reason: fmt.Sprintf("the body is larger than %d KiB", maxBody>>10)}
	} else if err != nil {
		return nil, invalid("", "the body could not be read")
	}
	return body, nil
}

// isJSON reports a body that calls itself JSON.
func isJSON(r *http.Request) bool {
	media, ok := mediaType(r)
	return ok && (media == mediaJSON || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// isForm reports a body that calls itself a form.
func isForm(r *http.Request) bool {
	media, ok := mediaType(r)
	return ok && media == mediaForm
}

// mediaType is what the body calls itself, if it does so once and in UTF-8.
func mediaType(r *http.Request) (string, bool) {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return "", false
	}
	media, params, err := mime.ParseMediaType(types[0])
	charset, given := params["charset"]
	return media, err == nil && (!given || strings.EqualFold(charset, "utf-8"))
}

func invalid(field, reason string) error {
	return &auth.Error{Code: auth.Invalid, Field: field, Reason: reason}
}
