package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	farewellWait = 2 * time.Second // for metadata that is not known
	maxTokenID   = 256             // bytes of a jti
	maxLogoutAge = time.Hour       // of a logout token, whatever it says of its end
)

// logoutEvent is what makes a token one of logout (OpenID Connect Back-Channel
// Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Farewell is where a browser signs out at a provider (OpenID Connect
// RP-Initiated Logout 1.0 §2), and comes back to back, an address that the
// provider knows; "": it stays there. ok is false where that is not offered, or
// not known within two seconds.
func (l *Logins) Farewell(ctx context.Context, provider string, idToken auth.Secret, back string) (to string, ok bool) {
	p, ok := l.openID(provider)
	if !ok {
		return "", false
	}
	m, err := p.says.about(ctx, farewellWait)
	if err != nil || m.endSession == "" || m.fault(m.endSession) != "" {
		return "", false
	}
	u, err := url.Parse(m.endSession)
	if err != nil {
		return "", false
	}
	q := u.Query()
	q.Set("client_id", p.id)
	if back != "" {
		q.Set("post_logout_redirect_uri", back)
	}
	if hint := idToken.Reveal(); hint != "" && len(hint) <= maxHint {
		q.Set("id_token_hint", hint)
	}
	u.RawQuery = q.Encode()
	return u.String(), true
}

// LoggedOut judges a logout token that a provider sent of itself. That the same
// one was not sent before is for the caller to see, by its ID. Errors: NotFound
// for no provider, or one of a type that sends none; Invalid with the cause in
// Err; Unavailable when its keys cannot be had.
func (l *Logins) LoggedOut(ctx context.Context, provider, text string) (auth.ExternalLogout, error) {
	p, ok := l.openID(provider)
	if !ok {
		return auth.ExternalLogout{}, &auth.Error{Code: auth.NotFound, Reason: "provider not found"}
	}
	t, err := parseToken(text, logoutToken)
	if err != nil {
		return auth.ExternalLogout{}, noLogout(p, "the token %w", err)
	}
	out, err := p.ended(t)
	if err != nil {
		return auth.ExternalLogout{}, noLogout(p, "the token %w", err)
	}
	verifier, err := p.says.verifier(ctx, t)
	if _, down := errors.AsType[unreachable](err); down {
		return auth.ExternalLogout{}, p.down("%w", err)
	} else if err != nil {
		return auth.ExternalLogout{}, noLogout(p, "%w", err)
	}
	if _, err := verifier.VerifyLogout(ctx, t.raw); err != nil {
		return auth.ExternalLogout{}, noLogout(p, "the signature is not the issuer's")
	}
	return out, nil
}

// ended is what a logout token says, once it is proven (OpenID Connect
// Back-Channel Logout 1.0 §2.6).
func (o *openID) ended(t *token) (auth.ExternalLogout, error) {
	out := auth.ExternalLogout{Provider: o.name, Issuer: o.issuer, Subject: t.subject}
	if t.issuer != o.issuer {
		return out, fmt.Errorf("is of issuer %s", quote(t.issuer))
	}
	if !slices.Contains(t.audience, o.id) {
		return out, fmt.Errorf("is for %s and not for us", list(t.audience))
	}
	if why := append(t.untimely(o.now()), t.stale(o.now(), maxLogoutAge)...); len(why) > 0 {
		return out, errors.New(why[0])
	}
	events, _ := t.claims["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return out, errors.New("tells no logout")
	}
	if _, given := t.claims["nonce"]; given {
		return out, errors.New("has a nonce, as only an id_token has")
	}
	if out.Subject != "" && !isSubject(out.Subject) {
		return out, errors.New("has a sub that is not the id of a person")
	}
	var ok bool
	if out.ID, ok = t.claims["jti"].(string); !ok || out.ID == "" || len(out.ID) > maxTokenID {
		return out, errors.New("has no jti")
	}
	if v, given := t.claims["sid"]; given {
		if out.SID, ok = v.(string); !ok || out.SID == "" || len(out.SID) > maxSID {
			return out, errors.New("has a sid that is not a text")
		}
	}
	if out.SID == "" && out.Subject == "" {
		return out, errors.New("names neither a session nor a person")
	}
	return out, nil
}

func noLogout(p *openID, format string, args ...any) error {
	return &auth.Error{Code: auth.Invalid, Field: "logout_token", Reason: "the logout token is not accepted", Err: fmt.Errorf("provider "+p.name+": "+format, args...)}
}
