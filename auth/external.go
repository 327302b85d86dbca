package auth

import (
	"context"
	"time"
)

// External is who somebody else says that a person is: an OpenID provider, an
// OAuth 2 server or a SAML identity provider that the configuration names, as
// package oauth made it from an answer that it verified.
//
// Identify refuses it: such an answer is for one attempt, and begins a session
// (Sessions.SignInThrough), links an account (Bindings.Create) or unlocks a
// session (Sessions.UnlockThrough). An edge that took it as a proof of a
// request would let in whoever can replay one, with nothing to end.
type External struct {
	Provider string // its name in the configuration
	// Issuer and Subject are the identity, for ever: who vouches, and what it
	// calls the person, to the letter. Bindings are to these two alone.
	Issuer, Subject string

	// What follows describes the person there today. Nobody is found by it.
	Login         string // a name to show, or to make an account's name of; "": none
	DisplayName   string
	Email         string
	EmailVerified bool
	Groups        []string // groups of ours, as the provider's rules give them, sorted

	SignedIn time.Time // when the person last signed in there (auth_time); zero: not told
	SID      string    // the session there, for its end; "": not told
	Ends     time.Time // of a token that was shown as such; zero otherwise
	Refresh  Secret    // asks the provider again (Elsewhere.Refresh); empty: nothing can
	IDToken  Secret    // a hint for signing out there; empty: none
}

func (External) proof() {}

// ExternalToken is a JWT that a provider of the configuration issued for an
// audience of ours, shown at a route that takes those of Providers.
type ExternalToken struct {
	Secret    Secret
	Providers []string // names, in the order of the configuration
}

func (ExternalToken) proof() {}

// ExternalLogout is the end of sessions at a provider (OpenID Connect
// Back-Channel Logout 1.0). SID, Subject or both are set: with both, only the
// session of that SID ends.
type ExternalLogout struct {
	Provider, Issuer, Subject, SID string
	ID                             string // jti; the same end told again changes nothing
}

// Purpose is what somebody goes to a provider for.
type Purpose string

const (
	ToSignIn Purpose = "sign_in"
	ToBind   Purpose = "bind"
	ToUnlock Purpose = "unlock"
)

// Attempt is one way to a provider and back.
type Attempt struct {
	Purpose Purpose
	Session string    // Via.ID of the session it was begun in; with ToBind and ToUnlock
	Next    string    // path to go on to
	Begun   time.Time // set by who begins it
}

// UnlockBy is how people who signed in through a provider unlock the profile.
type UnlockBy string

const (
	UnlockByPassword UnlockBy = "password" // with their password here
	UnlockAgain      UnlockBy = "again"    // by signing in there afresh
	UnlockOpen       UnlockBy = "open"     // it is never locked
)

// Provider is somebody else who says who people are.
type Provider struct {
	Name       string // in addresses and as the realm of accounts it made
	Title      string // on buttons; "": Name
	Type       string // "oidc", "google", "github", "oauth2"
	Issuer     string // of its identities
	AutoCreate bool   // makes an account for somebody who has none
	// DefaultGroups are those of accounts it makes, beside what its rules give.
	DefaultGroups []string
	Unlock        UnlockBy
	RefreshEvery  time.Duration // how old what it said may become while a session is in use; 0: as old as the session
}

// Elsewhere asks providers.
type Elsewhere interface {
	// Refresh asks what the provider says now of the person of subject, whose
	// External.Refresh this is; the new External has the secret for the next
	// time. Errors: Unauthenticated when it vouches for them no more, or for
	// somebody else; Unavailable when it does not answer.
	Refresh(ctx context.Context, provider, subject string, refresh Secret) (External, error)
	// JudgeToken verifies a JWT that one of these providers issued for us.
	// Errors: Unauthenticated with the cause in Err; Unavailable.
	JudgeToken(ctx context.Context, providers []string, token Secret) (External, error)
}
