package gateway

import (
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
)

const maxForm = 16 << 10 // bytes of a page's form

// readForm reads the body of a page's form: only the names of known, each at
// most once, from the body alone, so that nothing secret is taken from a URL.
func readForm(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, error) {
	body, err := readBody(w, r, maxForm)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 && len(known) == 0 {
		return nil, nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, &auth.Error{Code: codeWrongType, Reason: "send the form as application/x-www-form-urlencoded"}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("the form could not be read")
	}
	for name, values := range form {
		if !slices.Contains(known, name) || len(values) != 1 {
			return nil, malformed("the form has a field that is not known here, or one twice")
		}
	}
	return form, nil
}
