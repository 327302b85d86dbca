package gateway

import (
	"context"
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// cookie is how a session's id lies in a browser: host-only, for the whole
// host, out of the reach of scripts, and sent along on a navigation from
// elsewhere but with no other foreign request.
type cookie struct {
	name   string
	secure bool
}

// cookieFor is the cookie on the host of public. With https the name's prefix
// makes browsers refuse it from anywhere but this very host (RFC 6265bis
// section 4.1.3.2); over http a browser would not store such a name.
func cookieFor(public *url.URL) cookie {
	if public.Scheme == "https" {
		return cookie{name: "__Host-latchkey", secure: true}
	}
	return cookie{name: "latchkey"}
}

// set hands a session over. It lasts as long as the browser runs, or with
// remember as long as the session.
func (c cookie) set(w http.ResponseWriter, secret auth.Secret, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name, Value: secret.Reveal(), Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
}

// clear takes the cookie away.
func (c cookie) clear(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name, Path: "/", MaxAge: -1,
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
}

// signInBody is the body that begins a session.
type signInBody struct {
	Username string      `json:"username"`
	Password auth.Secret `json:"password"`
	Remember bool        `json:"remember"`
}

// begin signs a person in with a new session, whatever the browser held
// before: an id that somebody planted is not taken over, and the session that
// the request came with, if it came with one, ends.
func (a *api) begin(w http.ResponseWriter, r *http.Request, before auth.Identity, in signInBody) (auth.SessionInfo, error) {
	secret, session, err := a.auth.Sessions.SignIn(r.Context(), before.Peer, in.Username, in.Password, in.Remember)
	if err != nil {
		return auth.SessionInfo{}, err
	}
	if err := a.end(r.Context(), before); err != nil {
		return auth.SessionInfo{}, err
	}
	maxAge := 0
	if in.Remember {
		maxAge = int(session.Expires.Sub(a.now()).Seconds())
	}
	a.cookie.set(w, secret, maxAge)
	return session, nil
}

// end ends the session that a request came with, if it came with one that
// still lasts.
func (a *api) end(ctx context.Context, who auth.Identity) error {
	if who.Via.Kind != auth.KindSession {
		return nil
	}
	if err := a.auth.Sessions.End(ctx, who); auth.CodeOf(err) != auth.NotFound {
		return err
	}
	return nil
}

func (a *api) createSession(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in signInBody
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	session, err := a.begin(w, r, who, in)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, session)
}

// endSession signs out. Without a session there is nothing left to end, and
// the cookie goes all the same.
func (a *api) endSession(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := a.end(r.Context(), who); err != nil {
		return err
	}
	a.cookie.clear(w)
	return done(w, nil)
}

// unlockBody is the body that unlocks the profile.
type unlockBody struct {
	Password auth.Secret `json:"password"`
}

func (a *api) unlockSession(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in unlockBody
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	session, err := a.auth.Sessions.Unlock(r.Context(), who, in.Password)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, session)
}

func (a *api) lockSession(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	return done(w, a.auth.Sessions.Lock(r.Context(), who))
}

func (a *api) listSessions(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	sessions, err := a.auth.Sessions.List(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeList(w, sessions, "")
}

func (a *api) revokeSessions(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Sessions.RevokeAll(r.Context(), who, owner(r)))
}

func (a *api) revokeSession(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Sessions.Revoke(r.Context(), who, r.PathValue("id")))
}
