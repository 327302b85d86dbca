package lfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// mediaType is that of all bodies of the API, both ways.
const mediaType = "application/vnd.git-lfs+json"

// refusal is a request's own fault, or a lack of room: what the client is
// told. It never concerns identity or rights; those are *auth.Error.
type refusal struct {
	status  int
	message string
	allow   string // with 405
}

func (e *refusal) Error() string { return e.message }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, message: fmt.Sprintf(format, args...)}
}

// problem is the body of an error (docs/api/batch.md, response errors).
type problem struct {
	Message   string `json:"message"`
	RequestID string `json:"request_id,omitempty"`
}

func (e *refusal) write(w http.ResponseWriter, requestID string) error {
	if e.allow != "" {
		w.Header().Set("Allow", e.allow)
	}
	return writeJSON(w, e.status, problem{Message: e.message, RequestID: requestID})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // a client that went away is no error of ours
	return nil
}

// readJSON reads one JSON document of at most limit bytes into v. Members
// that are not known are passed over, for clients add some. The media type is
// asked for so that no page in a browser can send one as a simple form.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	switch t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case err != nil, t != mediaType && t != "application/json":
		return refuse(http.StatusUnsupportedMediaType, "the body must be %s", mediaType)
	case !identityCoded(r):
		return refuse(http.StatusUnsupportedMediaType, "the body must not be compressed")
	case r.ContentLength > limit:
		return refuse(http.StatusRequestEntityTooLarge, "the body has %d bytes; at most %d are read", r.ContentLength, limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return bodyFailed(err)
	}
	if !utf8.Valid(body) {
		return refuse(http.StatusBadRequest, "the body is not UTF-8")
	}
	if err := json.Unmarshal(body, v); err != nil {
		if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return refuse(http.StatusUnprocessableEntity, "%q cannot be a %s", typed.Field, typed.Value)
		}
		return refuse(http.StatusBadRequest, "the body is not one JSON document")
	}
	return nil
}

func identityCoded(r *http.Request) bool {
	coding := r.Header.Get("Content-Encoding")
	return coding == "" || coding == "identity"
}

// bodyFailed says what became of a body that could not be read to its end.
func bodyFailed(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, "the body is too large")
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return refuse(http.StatusRequestTimeout, "the body stopped coming")
	}
	return refuse(http.StatusBadRequest, "the body broke off")
}
