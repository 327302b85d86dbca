package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"
)

// maxPersonID is how long the id of a person may be, in bytes.
const maxPersonID = 255

// proven is the id_token of an answer of the token endpoint, by every rule of
// OpenID Connect Core §3.1.3.7 and §3.1.3.8 but that about its nonce. It was
// issued after since, our clocks apart.
func (o *openID) proven(ctx context.Context, got *oauth2.Token, since time.Time) (*token, error) {
	raw, _ := got.Extra("id_token").(string)
	t, err := parseToken(raw, idToken)
	if err != nil {
		return nil, o.denied("the id_token %w", err)
	}
	if t.issuer != o.issuer {
		return nil, o.denied("the id_token is of issuer %s and not %s", quote(t.issuer), quote(o.issuer))
	}
	if err := o.forUs(t); err != nil {
		return nil, err
	}
	if !isSubject(t.subject) {
		return nil, o.denied("the id_token has a sub that is not one of up to %d printable bytes", maxPersonID)
	}
	if why := t.untimely(o.now()); len(why) > 0 {
		return nil, o.denied("the id_token %s", why[0])
	}
	if t.issued.Before(since.Add(-leeway)) {
		return nil, o.denied("the id_token was issued at %s, before it was asked for", stamp(t.issued))
	}
	signed, err := o.says.verify(ctx, t)
	if _, down := errors.AsType[unreachable](err); down {
		return nil, o.down("%w", err)
	} else if err != nil {
		return nil, o.denied("the id_token: %w", err)
	}
	if _, given := t.claims["at_hash"]; given && signed.VerifyAccessToken(got.AccessToken) != nil {
		return nil, o.denied("the id_token was issued with another access token")
	}
	return t, nil
}

// isSubject reports what may be the id of a person (OpenID Connect Core §2).
func isSubject(s string) bool {
	return s != "" && len(s) <= maxPersonID && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// forUs: we are among the audience, and where there are others or it says so,
// the one that it was issued to.
func (o *openID) forUs(t *token) error {
	if !slices.Contains(t.audience, o.id) {
		return o.denied("the id_token is for %s and not for us", list(t.audience))
	}
	azp, given := t.claims["azp"]
	if !given && len(t.audience) > 1 {
		return o.denied("the id_token is for several and does not say to whom it was issued")
	}
	if given && !sameText(azp, o.id) {
		return o.denied("the id_token was issued to another client")
	}
	return nil
}

// sameText compares a claim in constant time.
func sameText(claim any, want string) bool {
	text, ok := claim.(string)
	return ok && subtle.ConstantTimeCompare([]byte(text), []byte(want)) == 1
}
