package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
)

// Codes of requests that are refused as they stand; gateway has a status for
// each.
const (
	codeTooLarge  auth.Code = "too_large"
	codeWrongType auth.Code = "unsupported_media_type"
)

const maxForm = 64 << 10 // bytes of a page's form

// readForm reads the body of a page's form: only the names of known, each at
// most once, from the body alone, so that nothing secret is taken from a URL.
func readForm(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, error) {
	return readFormWith(w, r, nil, known...)
}

// readFormWith is readForm with names in many that may come any number of
// times, as check boxes do.
func readFormWith(w http.ResponseWriter, r *http.Request, many []string, known ...string) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &auth.Error{Code: codeTooLarge, Reason: fmt.Sprintf("the form is larger than %d KiB", maxForm>>10)}
	} else if err != nil {
		return nil, malformed("the form could not be read")
	}
	if len(body) == 0 {
		return url.Values{}, nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, &auth.Error{Code: codeWrongType, Reason: "send the form as application/x-www-form-urlencoded"}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("the form could not be read")
	}
	for name, values := range form {
		if slices.Contains(many, name) {
			continue
		}
		if !slices.Contains(known, name) || len(values) != 1 {
			return nil, malformed("the form has a field that is not known here, or one twice")
		}
	}
	return form, nil
}

func malformed(reason string) error { return &auth.Error{Code: auth.Invalid, Reason: reason} }

func invalid(field, reason string) error {
	return &auth.Error{Code: auth.Invalid, Field: field, Reason: reason}
}
