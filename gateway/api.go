package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// api is Latchkey's own JSON API, /-/api/v1: HTTP around the nouns of auth. It
// decides nothing about rights; every method it calls does. A secret is
// revealed only in the one answer that hands it over.
type api struct {
	auth    *auth.Authority
	machine Machine // nil: the rows of the machine are not there
	public  *url.URL
	cookie  cookie
	now     func() time.Time
}

// Codes of refusals that only HTTP has.
const (
	codeTooLarge  auth.Code = "too_large"              // 413
	codeWrongType auth.Code = "unsupported_media_type" // 415
)

const (
	apiRoot     = "/-/api/v1"
	defaultPage = 100  // items of a list
	maxPage     = 1000 // as auth bounds it
	me          = "me" // the caller, in the place of a user's name in a path
)

// list is the form of every list. Next is empty at the end, else the cursor
// of the following page.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// writeList answers items, as [] when there are none.
func writeList[T any](w http.ResponseWriter, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	return writeJSON(w, http.StatusOK, list[T]{Items: items, Next: next})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return &auth.Error{Code: auth.Internal, Reason: "the answer cannot be written", Err: err}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // a client that has gone needs no answer
	return nil
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

// owner is the canonical name of the user whose things the path speaks of.
func owner(r *http.Request) string { return r.PathValue("user") }

// ofUser makes the user of the path canonical before h runs, and the caller
// where there is none.
func ofUser(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		name := r.PathValue("user")
		switch {
		case name == "" || name == me:
			name = who.User
		default:
			var err error
			if name, err = auth.CanonicalName(name); err != nil {
				return &auth.Error{Code: auth.NotFound, Reason: "there is no user of such a name", Err: err}
			}
		}
		r.SetPathValue("user", name)
		return h(w, r, who)
	}
}

// query is the request's query: only the keys of known, each at most once.
func query(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("the query cannot be read")
	}
	left := len(values)
	for _, key := range known {
		switch len(values[key]) {
		case 0:
			continue
		case 1:
			left--
		default:
			return nil, invalid(key, "the query has %q more than once", key)
		}
	}
	if left > 0 {
		return nil, malformed("the query has a key that is not known here")
	}
	return values, nil
}

// pageSize reads limit: 1 to maxPage, defaultPage when it is not given.
func pageSize(values url.Values) (int, error) {
	text := values.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, invalid("limit", "limit must be a whole number from 1 to %d", maxPage)
	}
	return n, nil
}

// whoami is the answer to whoami: what the credential of this request stands
// for, and not what its user might do with another one.
type whoami struct {
	User          string     `json:"user"`
	DisplayName   string     `json:"display_name,omitempty"`
	Email         string     `json:"email,omitempty"`
	Groups        []string   `json:"groups"`
	Admin         bool       `json:"admin"`
	Service       bool       `json:"service,omitempty"`
	Credential    credential `json:"credential"`
	Scope         string     `json:"scope"`
	Expires       time.Time  `json:"expires,omitzero"`
	UnlockedUntil time.Time  `json:"unlocked_until,omitzero"`
}

type credential struct {
	Kind auth.Kind `json:"kind"`
	ID   string    `json:"id,omitempty"`
}

func (a *api) whoami(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	groups := who.Groups
	if groups == nil {
		groups = []string{}
	}
	answer := whoami{
		User: who.User, DisplayName: who.Name, Email: who.Email,
		Groups: groups, Admin: who.Admin, Service: who.Service,
		Credential: credential{Kind: who.Via.Kind, ID: who.Via.ID},
		Scope:      who.Scopes.String(),
		Expires:    who.Expires.UTC(),
	}
	if a.now().Before(who.UnlockedUntil) {
		answer.UnlockedUntil = who.UnlockedUntil.UTC()
	}
	return writeJSON(w, http.StatusOK, answer)
}
