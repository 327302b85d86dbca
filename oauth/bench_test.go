package oauth_test

import (
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// bare is a sign-in as the two libraries have it, without what is kept of an
// attempt or asked of an answer beside the token's signature.
func bare(b *testing.B, r *rig) (*oauth2.Config, *oidc.IDTokenVerifier) {
	b.Helper()
	p, err := oidc.NewProvider(b.Context(), r.op.URL)
	if err != nil {
		b.Fatal(err)
	}
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	c := &oauth2.Config{ClientID: r.op.Client.ID, ClientSecret: r.op.Client.Secret, Endpoint: endpoint, RedirectURL: callback, Scopes: []string{"openid", "profile", "email"}}
	return c, p.Verifier(&oidc.Config{ClientID: r.op.Client.ID, Now: r.clock.Now})
}

// What it costs to send somebody to a provider.
func BenchmarkBegin(b *testing.B) {
	r := newRig(b, nil)
	b.Run("latchkey", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, _, err := r.Begin(b.Context(), "corp", attemptTo(auth.ToSignIn)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		c, _ := bare(b, r)
		b.ReportAllocs()
		for b.Loop() {
			verifier := oauth2.GenerateVerifier()
			c.AuthCodeURL(oauth2.GenerateVerifier(), oauth2.S256ChallengeOption(verifier), oidc.Nonce(oauth2.GenerateVerifier()))
		}
	})
}

// What it costs when they come back. The provider is in this process, and most
// of it is what it signs, and the ways to it and back.
func BenchmarkFinish(b *testing.B) {
	r := newRig(b, nil)
	r.op.Full = true // nothing is left for the userinfo endpoint
	b.Run("latchkey", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			cookies := browser{}
			back, err := r.there(b, cookies, attemptTo(auth.ToSignIn))
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if err := finish(b, r.Logins, "corp", back, cookies); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		c, v := bare(b, r)
		for b.Loop() {
			b.StopTimer()
			verifier := oauth2.GenerateVerifier()
			back := r.op.Visit(c.AuthCodeURL(oauth2.GenerateVerifier(), oauth2.S256ChallengeOption(verifier), oidc.Nonce(oauth2.GenerateVerifier())))
			b.StartTimer()
			token, err := c.Exchange(b.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				b.Fatal(err)
			}
			raw, _ := token.Extra("id_token").(string)
			if _, err := v.Verify(b.Context(), raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
