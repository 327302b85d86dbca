package oauth

import (
	"context"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// Begin makes an attempt: to is where the browser goes; sealed, at most 1500
// bytes, is what it must bring back in a cookie that id names, 10 characters of
// base64url. Nothing is kept here. a.Begun is now where it is zero; a Next of
// more than 768 bytes is left out. Errors: NotFound; Unavailable when the
// provider does not tell where to go; Invalid for an attempt that cannot be;
// Forbidden for ToUnlock at a provider that does not tell when people signed in.
func (l *Logins) Begin(ctx context.Context, provider string, a auth.Attempt) (to, id, sealed string, err error) {
	p, err := l.provider(provider)
	if err != nil {
		return "", "", "", err
	}
	switch a.Purpose {
	case auth.ToSignIn:
	case auth.ToBind, auth.ToUnlock:
		if a.Session == "" {
			return "", "", "", &auth.Error{Code: auth.Invalid, Field: "session", Reason: "sign in first"}
		}
	default:
		return "", "", "", &auth.Error{Code: auth.Invalid, Field: "purpose", Reason: "what the way is for is not known"}
	}
	if o, ok := p.way.(*openID); a.Purpose == auth.ToUnlock && (!ok || o.google) {
		return "", "", "", &auth.Error{Code: auth.Forbidden, Reason: "signing in at " + p.title + " unlocks nothing; use your password"}
	}
	if len(a.Session) > maxSession {
		return "", "", "", &auth.Error{Code: auth.Invalid, Field: "session", Reason: "the session cannot be carried along"}
	}
	if len(a.Next) > maxNext {
		a.Next = ""
	}
	if a.Begun.IsZero() {
		a.Begun = l.now()
	}
	attempt := newAttempt(p.name, a)
	endpoint, more, err := p.way.authorize(ctx, attempt)
	if err != nil {
		return "", "", "", err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(attempt.verifier)}
	for name := range more {
		options = append(options, oauth2.SetAuthURLParam(name, more.Get(name)))
	}
	to = p.config(oauth2.Endpoint{AuthURL: endpoint, AuthStyle: oauth2.AuthStyleInHeader}).AuthCodeURL(attempt.state, options...)
	return to, attempt.id(), attempt.sealed(l.ring), nil
}
