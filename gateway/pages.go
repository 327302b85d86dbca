package gateway

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

// pageSessions gives the pages the sessions of the API.
type pageSessions struct{ api *api }

var _ web.Sessions = pageSessions{}

func (s pageSessions) Begin(w http.ResponseWriter, r *http.Request, before auth.Identity, name string, password auth.Secret, remember bool) error {
	_, err := s.api.begin(w, r, before, signInBody{Username: name, Password: password, Remember: remember})
	return err
}

func (s pageSessions) End(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := s.api.end(r.Context(), who); err != nil {
		return err
	}
	s.api.cookie.clear(w)
	return nil
}

func (s pageSessions) Forget(w http.ResponseWriter, r *http.Request) {
	if len(r.CookiesNamed(s.api.cookie.name)) > 0 {
		s.api.cookie.clear(w)
	}
}
