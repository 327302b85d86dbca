package auth

import (
	"context"
	"time"
)

// outsideRecord is what a session keeps of the provider it was begun through.
// It is at the session's own id.
type outsideRecord struct {
	bond
	Provider string    `json:"provider"`
	SID      string    `json:"sid,omitempty"`
	Sealed   []byte    `json:"sealed,omitempty"` // refresh secret, NUL, id_token
	Asked    time.Time `json:"asked,omitzero"`   // when the provider last answered
	Claimed  time.Time `json:"claimed,omitzero"` // until when one replica alone asks
}

// SignInThrough begins a session for the user that an identity is bound to, or
// for a new one where its provider makes accounts. Errors: NotFound when it is
// bound to nobody; Unauthenticated for one whose user is disabled or has no
// pages; Forbidden when no account can be made of it.
func (s *Sessions) SignInThrough(ctx context.Context, peer Peer, ext External) (secret Secret, info SessionInfo, err error) {
	return Secret{}, SessionInfo{}, &Error{Code: Unsupported, Reason: "not yet"}
}

// UnlockThrough opens the profile to the session that the attempt was begun
// in, by a sign-in at its provider that is not older than the attempt. Errors:
// Forbidden.
func (s *Sessions) UnlockThrough(ctx context.Context, who Identity, attempt Attempt, ext External) (info SessionInfo, err error) {
	return SessionInfo{}, &Error{Code: Unsupported, Reason: "not yet"}
}

// Farewell is what the provider of the caller's session is told when it ends;
// provider is empty for a session that no provider began.
func (s *Sessions) Farewell(ctx context.Context, who Identity) (provider string, idToken Secret, err error) {
	return "", Secret{}, nil
}

// LoggedOut ends the sessions that a provider says are over, and tells how
// many they were. Nothing is said about those that it does not know.
func (s *Sessions) LoggedOut(ctx context.Context, peer Peer, l ExternalLogout) (ended int, err error) {
	return 0, &Error{Code: Unsupported, Reason: "not yet"}
}

// ElsewhereFailed records why somebody who came back from a provider was
// refused before anybody was found. who is who was signed in; a flood of the
// same from one source is recorded ten times in ten minutes.
func (t *Trail) ElsewhereFailed(who Identity, provider string, purpose Purpose, err error) {}
