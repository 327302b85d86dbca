package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

const maxJSONBody = 64 << 10 // bytes of a request's body

// readJSON reads the body of r, one JSON object and nothing after it, into v,
// a pointer to a struct whose exported fields all bear a json name.
//
// The Content-Type must be application/json, which a form of another site
// cannot send, and the text what strictjson takes. Errors are of code
// auth.Invalid with the field's name, or say that the body is too large or of
// another type; they never repeat a value.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if err := mustBeJSON(r.Header); err != nil {
		return err
	}
	body, err := readBody(w, r, maxJSONBody)
	if err != nil {
		return err
	}
	return decodeJSON(body, v)
}

// readBody reads the body of r, of at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &auth.Error{Code: codeTooLarge, Reason: fmt.Sprintf("the body is larger than %d KiB", limit>>10)}
	} else if err != nil {
		return nil, malformed("the body could not be read")
	}
	return body, nil
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
		return malformed("this request takes no body")
	}
	return nil
}

// decodeJSON is readJSON without HTTP.
func decodeJSON(body []byte, v any) error {
	err := strictjson.Decode(body, v, strictjson.Options{})
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return invalid(e.Field, "%s", e.Reason)
	}
	return err
}
