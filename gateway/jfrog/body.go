package jfrog

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// Limits of bodies.
const (
	maxBody  = 64 << 10 // bytes
	maxNames = 1000     // in a list of user names
)

// codeWrongType is the gateway's code of 415.
const codeWrongType auth.Code = "unsupported_media_type"

// Media types of bodies.
const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
)

// readBody reads the body of r, one JSON object, into v as strictjson.Decode
// does. The media type is application/json or one that ends in +json, as
// clients name the kinds of objects (RFC 6839 section 3.1), with UTF-8 as the
// only charset. Errors are of code auth.Invalid with the key's name, say that
// the media type is another one, or are an *http.MaxBytesError; none repeats a
// value.
func readBody(w http.ResponseWriter, r *http.Request, v any, o strictjson.Options) error {
	if !isJSON(r) {
		return &auth.Error{Code: codeWrongType, Reason: "send the body as Content-Type: application/json"}
	}
	body, err := readAll(w, r)
	if err != nil {
		return err
	}
	err = strictjson.Decode(body, v, o)
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return invalid(e.Field, e.Reason)
	}
	return err
}

// readForm reads the body of r as application/x-www-form-urlencoded. Of each
// of known there is at most one; what is not known is left out (RFC 6749
// section 3.2), unless it is a known one in other letters. The query of the
// URL is not looked at. Errors are as readBody's.
func readForm(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, error) {
	if !isForm(r) {
		return nil, &auth.Error{Code: codeWrongType, Reason: "send the body as Content-Type: " + mediaForm}
	}
	body, err := readAll(w, r)
	if err != nil {
		return nil, err
	}
	all, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalid("", "the body is not a form")
	}
	form := url.Values{}
	for name, values := range all {
		for _, k := range known {
			switch {
			case name == k && len(values) > 1:
				return nil, invalid(k, k+" is given more than once")
			case name == k && !utf8.ValidString(values[0]):
				return nil, invalid(k, k+" is not valid UTF-8")
			case name == k:
				form[k] = values
			case strings.EqualFold(name, k):
				return nil, invalid("", "a field is written in other letters than it is known by here")
			}
		}
	}
	return form, nil
}

// readNames reads the body of r, a JSON list of user names.
func readNames(w http.ResponseWriter, r *http.Request) ([]string, error) {
	if !isJSON(r) {
		return nil, &auth.Error{Code: codeWrongType, Reason: "send the body as Content-Type: application/json"}
	}
	body, err := readAll(w, r)
	if err != nil {
		return nil, err
	}
	var list []*string
	if err := json.Unmarshal(body, &list); err != nil || list == nil {
		return nil, invalid("", "the body must be a JSON list of user names")
	}
	if len(list) == 0 || len(list) > maxNames {
		return nil, invalid("", "the list must hold 1 to 1000 user names")
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
	_, err := readAll(w, r)
	return err
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, err
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
