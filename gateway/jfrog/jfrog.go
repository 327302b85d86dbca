// Package jfrog speaks the part of Artifactory's and Access's REST API that
// deals with people and their credentials, so that clients and scripts written
// for it work unchanged: keys, encrypted passwords, users, groups, passwords
// and what clients ask of api/system before they begin.
//
// Its handlers find out nothing themselves: who asks is passed in, what they
// may do is judged in auth, and an error of auth that this dialect has no own
// words for is returned as it is, for the gateway to render. Statuses and
// bodies are those that clients were seen to depend on, which is not always
// what the documentation of the original says: creating a key answers 201, and
// asking for a key that does not exist answers 200 with {}.
//
// It will not dump the keys of all users in clear text, as the original does.
package jfrog

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Config is what an API stands on.
type Config struct {
	Auth            *auth.Authority // required
	ReportedVersion string          // the 7.x number that clients decide features by; required
	Origin          string          // scheme and host that every uri is made from; required
	// Certificate is that of the key that signs access tokens, in DER (RFC
	// 5280); it is asked for once. nil: 404.
	Certificate func() ([]byte, error)
	Now         func() time.Time // nil: time.Now
}

// API holds the handlers. All are safe for concurrent use; they return errors
// of auth that are to be rendered in Artifactory's errors[] envelope.
type API struct {
	auth    *auth.Authority
	version string
	origin  string
	root    func() ([]byte, error)
	now     func() time.Time
}

// New makes an API.
func New(c Config) *API {
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &API{auth: c.Auth, version: c.ReportedVersion, origin: c.Origin, now: c.Now}
	if c.Certificate != nil {
		a.root = sync.OnceValues(c.Certificate)
	}
	return a
}

// Ping answers "OK" to anybody: the client's web login asks before anybody is
// known.
func (a *API) Ping(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return writeText(w, http.StatusOK, "OK")
}

// versionAnswer is the body of api/system/version.
type versionAnswer struct {
	Version  string   `json:"version"`
	Revision string   `json:"revision"`
	Addons   []string `json:"addons"`
	License  string   `json:"license"`
}

// Version answers the version that the configuration says to report.
func (a *API) Version(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return writeJSON(w, http.StatusOK, versionAnswer{Version: a.version, Revision: "latchkey", Addons: []string{}, License: "Latchkey"})
}

// ServiceID answers what names this installation in tokens of Artifactory's
// kind.
func (a *API) ServiceID(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	id, err := a.auth.Tokens.Installation(r.Context())
	if err != nil {
		return err
	}
	return writeText(w, http.StatusOK, serviceOld+id)
}

// Usage takes in what a client reports of its use, and keeps nothing of it.
func (a *API) Usage(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	if err := ignoreBody(w, r); err != nil {
		return err
	}
	return writeText(w, http.StatusOK, "")
}

// Nothing is everything else under api/security and api/system.
func (a *API) Nothing(http.ResponseWriter, *http.Request, auth.Identity) error {
	return &auth.Error{Code: auth.NotFound, Reason: "Not Found"}
}

// feedback is the body in which api/security/apiKey tells how it went. It is
// not the errors[] envelope of the rest of the dialect.
type feedback struct {
	Info  string `json:"info,omitempty"`
	Error string `json:"error,omitempty"`
}

func refuse(w http.ResponseWriter, status int, reason string) error {
	return writeJSON(w, status, feedback{Error: reason})
}

func inform(w http.ResponseWriter, text string) error {
	return writeJSON(w, http.StatusOK, feedback{Info: text})
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return &auth.Error{Code: auth.Internal, Reason: "the answer cannot be written", Err: err}
	}
	write(w, status, "application/json", text)
	return nil
}

// writeText writes text alone, with no line end: clients keep it byte by byte.
func writeText(w http.ResponseWriter, status int, text string) error {
	write(w, status, "text/plain; charset=utf-8", []byte(text))
	return nil
}

// told answers text, or err.
func told(w http.ResponseWriter, err error, text string) error {
	if err != nil {
		return err
	}
	return writeText(w, http.StatusOK, text)
}

// done answers 204, or err.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func write(w http.ResponseWriter, status int, media string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // a client that has gone needs no answer
}
