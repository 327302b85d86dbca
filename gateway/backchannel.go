package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

const (
	maxLogoutForm = 20 << 10 // bytes of a provider's message, and of the token in it
	maxLogout     = 16 << 10
)

// toLogOut is what a message of a provider is for, on the audit trail.
const toLogOut auth.Purpose = "log_out"

// backchannel hears from providers that sessions are over (OpenID Connect
// Back-Channel Logout 1.0).
type backchannel struct {
	auth   *auth.Authority
	logins web.Logins // nil: there are no providers
}

// logout ends the sessions that a logout token names: 200, also where there is
// none. What is wrong with the token is 400 (§2.8).
func (b backchannel) logout(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if b.logins == nil {
		return nothing(w, r, who)
	}
	provider := r.PathValue("provider")
	token, err := logoutToken(w, r)
	if err != nil {
		return err
	}
	over, err := b.logins.LoggedOut(r.Context(), provider, token)
	if err != nil {
		b.auth.Trail.ElsewhereFailed(who, provider, toLogOut, err)
		if e, ok := errors.AsType[*auth.Error](err); ok && e.Code != auth.Unavailable && e.Code != auth.Throttled {
			return &auth.Error{Code: auth.Invalid, Reason: "the logout token is not accepted", Err: err}
		}
		return err
	}
	if _, err := b.auth.Sessions.LoggedOut(r.Context(), who.Peer, over); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// logoutToken reads the form of §2.5; other fields than the token may be there.
func logoutToken(w http.ResponseWriter, r *http.Request) (string, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return "", malformed("send logout_token as application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLogoutForm))
	if err != nil {
		return "", malformed("the form could not be read, or is too long")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 || form.Get("logout_token") == "" || len(form.Get("logout_token")) > maxLogout {
		return "", malformed("the form must have one logout_token")
	}
	return form.Get("logout_token"), nil
}
