package oauth

import (
	"context"
	"errors"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
)

// JudgeToken verifies an access token that one of these providers issued for an
// audience of ours (auth.Elsewhere; RFC 9068 §4). A rule of domains holds for
// it too, so its claims must show that it is met. It never takes a logout
// token, an id_token, or whatever is for the client that we sign people in as.
// Errors: Unauthenticated with the cause in Err; Unavailable. It takes at most
// five seconds, and nothing is asked of an issuer before all but the signature
// is judged.
func (l *Logins) JudgeToken(ctx context.Context, providers []string, secret auth.Secret) (auth.External, error) {
	t, err := parseToken(secret.Reveal(), accessToken)
	if err != nil {
		return auth.External{}, refused("the token %w", err)
	}
	p, err := l.issuerOf(t, providers)
	if err != nil {
		return auth.External{}, err
	}
	if err := p.opens(t); err != nil {
		return auth.External{}, refused("provider %s: the token %w", p.name, err)
	}
	if _, err := p.says.verify(ctx, t); err != nil {
		if _, down := errors.AsType[unreachable](err); down {
			return auth.External{}, p.down("%w", err)
		}
		return auth.External{}, refused("provider %s: %w", p.name, err)
	}
	if err := p.admits(t.claims); err != nil {
		return auth.External{}, refused("%w", err)
	}
	ext := p.external(t, t.claims)
	ext.Ends = t.expires
	return ext, nil
}

// issuerOf is the first of the named that issued the token, as it says itself,
// for an audience of ours.
func (l *Logins) issuerOf(t *token, providers []string) (*openID, error) {
	known := false
	for _, name := range providers {
		p, ok := l.openID(name)
		if !ok || p.issuer != t.issuer {
			continue
		}
		known = true
		if slices.ContainsFunc(t.audience, func(a string) bool { return slices.Contains(p.audience, a) }) {
			return p, nil
		}
	}
	if known {
		return nil, refused("the audience %s is not one of ours", list(t.audience))
	}
	return nil, refused("no provider that is accepted here has the issuer %s", quote(t.issuer))
}

// opens is why a token is not one that opens a route, whoever signed it.
func (o *openID) opens(t *token) error {
	if slices.Contains(t.audience, o.id) {
		return errors.New("is for the client that signs people in")
	}
	if !isSubject(t.subject) {
		return errors.New("has a sub that is not the id of a person")
	}
	for _, name := range []string{"events", "nonce", "at_hash", "c_hash"} {
		if _, given := t.claims[name]; given {
			return errors.New("has the claim " + name + ", as no access token has")
		}
	}
	if why := t.untimely(o.now()); len(why) > 0 {
		return errors.New(why[0])
	}
	return nil
}
