package auth

import (
	"context"
	"time"
)

// MaxShort bounds the life of what Short makes.
const MaxShort = 5 * time.Minute

// Short makes the token that container clients get for a password or token of
// theirs: a grant with the whole scope of who. On routes it opens what who's
// credential opens, as long as that holds and MaxShort at most; anywhere else
// it is nobody. It makes no tokens but the narrower grants of an LFS batch,
// which end with it.
//
// A browser's session makes none: its cookie is kept from scripts, and a token
// in an answer is not. Errors are of code Unauthenticated, Forbidden or
// Unavailable.
func (t *Tokens) Short(ctx context.Context, who Identity) (secret Secret, expires time.Time, err error) {
	defer func() {
		if err != nil {
			t.a.Trail.acted(who, actTokenGrant, who.User, err)
		}
	}()
	switch {
	case !who.Known() || who.uid == "":
		return Secret{}, time.Time{}, unauthenticated("a short token needs an account")
	case who.Via.Kind == KindGrant:
		return Secret{}, time.Time{}, forbidden("a short token makes no others")
	case who.Via.Kind == KindBinding:
		return Secret{}, time.Time{}, forbidden("a token of a provider makes no short tokens; use a password, a key or a token of yours")
	case who.Via.Kind == KindSession:
		return Secret{}, time.Time{}, forbidden("a browser's session makes no short tokens; use your password, a key or a token")
	case !who.Expires.IsZero() && who.Expires.Sub(t.a.now()) < time.Second:
		return Secret{}, time.Time{}, unauthenticated("the credential ends this very second")
	}
	return t.signGrant(ctx, who, MaxShort, map[string]any{"scp": who.Scopes.String(), "all": true})
}
