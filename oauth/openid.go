package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of what a provider gives us to keep.
const (
	maxHint = 4 << 10 // bytes of an id_token that is kept as a hint
	maxSID  = 256     // bytes
)

// openID is the way of OpenID Connect Core 1.0, by the authorization code flow.
type openID struct {
	*client
	says     *issuer // what it publishes
	google   bool
	audience []string // of tokens for JudgeToken
}

func (l *Logins) newOpenID(p Provider, us *client, before *Logins) (*openID, error) {
	if text := urlFault(us.issuer, maxIssuerURL, false); text != "" {
		return nil, fmt.Errorf("the issuer %s", text)
	}
	if us.claims.Subject != "sub" {
		return nil, errors.New("with OpenID Connect the subject is the claim sub, and no other")
	}
	if len(us.scopes) == 0 {
		us.scopes = []string{"openid", "profile", "email"}
	}
	if !slices.Contains(us.scopes, "openid") {
		return nil, errors.New("the scopes lack openid")
	}
	var known issuers
	if before != nil {
		known = before.issuers
	}
	return &openID{us, l.issuers.at(us.issuer, known, l.transport, l.now), p.Type == Google, slices.Clone(p.TokenAudience)}, nil
}

// about is what the issuer says of itself.
func (o *openID) about(ctx context.Context) (metadata, error) {
	m, err := o.says.about(ctx, fetchTimeout)
	if err != nil {
		return metadata{}, o.down("%w", err)
	}
	return m, nil
}

// endpoint is about, with the token endpoint.
func (o *openID) endpoint(ctx context.Context) (metadata, oauth2.Endpoint, error) {
	m, err := o.about(ctx)
	if err != nil {
		return metadata{}, oauth2.Endpoint{}, err
	}
	if text := m.fault(m.token); text != "" {
		return metadata{}, oauth2.Endpoint{}, o.down("discovery: token_endpoint %s", text)
	}
	return m, oauth2.Endpoint{TokenURL: m.token, AuthStyle: m.style(o.secret.Empty())}, nil
}

func (o *openID) authorize(ctx context.Context, a *attempt) (string, url.Values, error) {
	m, err := o.about(ctx)
	if err != nil {
		return "", nil, err
	}
	if text := m.fault(m.authorization); text != "" {
		return "", nil, o.down("discovery: authorization_endpoint %s", text)
	}
	more := url.Values{"nonce": {a.nonce}}
	if a.Purpose == auth.ToUnlock {
		more.Set("prompt", "login")
		more.Set("max_age", "0")
	}
	if o.google && len(o.domains) == 1 {
		more.Set("hd", o.domains[0])
	}
	return m.authorization, more, nil
}

func (o *openID) names(ctx context.Context) (bool, error) {
	m, err := o.about(ctx)
	return m.namesItself, err
}

func (o *openID) exchange(ctx context.Context, code auth.Secret, a *attempt) (auth.External, error) {
	m, e, err := o.endpoint(ctx)
	if err != nil {
		return auth.External{}, err
	}
	got, err := o.redeem(ctx, e, code, a)
	if err != nil {
		return auth.External{}, err
	}
	id, err := o.proven(ctx, got, a.Begun)
	if err != nil {
		return auth.External{}, err
	}
	if !sameText(id.claims["nonce"], a.nonce) {
		return auth.External{}, o.denied("the id_token has another nonce than the attempt, or none")
	}
	signedIn, err := o.signedIn(id, a)
	if err != nil {
		return auth.External{}, err
	}
	ext, err := o.person(ctx, m, id, got)
	if err != nil {
		return auth.External{}, err
	}
	ext.SignedIn, ext.Refresh = signedIn, keep(a.nonce, got.RefreshToken)
	return ext, nil
}

// signedIn is when the person signed in (OpenID Connect Core §2, auth_time);
// zero: not told, which an unlock needs.
func (o *openID) signedIn(id *token, a *attempt) (time.Time, error) {
	at, err := id.time("auth_time")
	switch fresh := a.Purpose == auth.ToUnlock; {
	case fresh && err != nil:
		return at, o.denied("the id_token %w", err)
	case fresh && at.Before(a.Begun.Add(-leeway)):
		return at, o.denied("a fresh sign-in was asked for, the last was at %s", stamp(at))
	case at.After(o.now().Add(leeway)):
		return at, o.denied("the id_token has an auth_time in the future, %s", stamp(at))
	}
	return at, nil
}

// keep is what Refresh needs next time: the nonce, for an id_token that repeats
// it must repeat that one (OpenID Connect Core §12.2), and the refresh token.
func keep(nonce, refresh string) auth.Secret {
	if !keepable(refresh) {
		return auth.Secret{}
	}
	return auth.NewSecret(nonce + refresh)
}

func (o *openID) refresh(ctx context.Context, subject string, secret auth.Secret) (auth.External, error) {
	kept := secret.Reveal()
	if len(kept) <= stateLength {
		return auth.External{}, o.denied("the secret is not one that was kept of a sign-in")
	}
	nonce, last := kept[:stateLength], kept[stateLength:]
	m, e, err := o.endpoint(ctx)
	if err != nil {
		return auth.External{}, err
	}
	asked := o.now()
	got, err := o.renew(ctx, e, auth.NewSecret(last))
	if err != nil {
		return auth.External{}, err
	}
	id := &token{subject: subject}
	switch {
	case got.Extra("id_token") != nil:
		if id, err = o.proven(ctx, got, asked); err != nil {
			return auth.External{}, err
		}
		if v, given := id.claims["nonce"]; given && !sameText(v, nonce) {
			return auth.External{}, o.denied("the id_token has another nonce than the first one")
		}
	case m.userinfo == "":
		return auth.External{}, o.denied("the answer has no id_token, and there is no userinfo endpoint")
	}
	if id.subject != subject {
		return auth.External{}, o.denied("the id_token is of somebody else")
	}
	ext, err := o.person(ctx, m, id, got)
	if err != nil {
		return auth.External{}, err
	}
	ext.SignedIn, _ = id.time("auth_time")
	ext.Refresh = keep(nonce, got.RefreshToken)
	return ext, nil
}

// health asks for the discovery document and the keys.
func (o *openID) health(ctx context.Context) (string, bool) {
	m, keys, err := o.says.look(ctx)
	if err != nil {
		return err.Error(), false
	}
	for name, at := range map[string]string{"authorization_endpoint": m.authorization, "token_endpoint": m.token} {
		if text := m.fault(at); text != "" {
			return "discovery: " + name + " " + text, false
		}
	}
	if keys == 1 {
		return "it answers, with one key", true
	}
	return fmt.Sprintf("it answers, with %d keys", keys), true
}
