package auth

import (
	"context"
	"time"
)

// Bindings keeps the accounts elsewhere that sign a user in here.
type Bindings struct {
	a     *Authority
	shelf shelf[bindingRecord]
}

const maxBindingsOf = 50

// bindingRecord is at the keyed hash of issuer and subject, so that an
// identity is bound to one user at most.
type bindingRecord struct {
	bond
	Provider     string `json:"provider"` // that it was made through
	Issuer       string `json:"issuer"`
	Subject      string `json:"subject"`
	Login        string `json:"login,omitempty"` // to show
	Email        string `json:"email,omitempty"` // to show
	Registration uint64 `json:"registration"`    // tells it from one made later of the same identity
}

// Binding is a linked account as its owner and administrators see it.
type Binding struct {
	ID       string    `json:"id"`
	Owner    string    `json:"owner"`
	Provider string    `json:"provider"`
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Login    string    `json:"login,omitempty"`
	Email    string    `json:"email,omitempty"`
	Created  time.Time `json:"created"`
	LastUsed Use       `json:"last_used,omitzero"`
	// Dormant: no provider of the configuration vouches for it now, so it
	// lets nobody in.
	Dormant bool `json:"dormant,omitempty"`
}

// Create links the identity that the caller has just proved at a provider to
// the caller, who is in an unlocked session: the one, named by its Via.ID, in
// which the way there was begun. Errors: Locked, Forbidden; Exists where the
// identity is bound, to whomever, or the caller has one of that provider.
func (b *Bindings) Create(ctx context.Context, who Identity, session string, ext External) (out Binding, err error) {
	return Binding{}, &Error{Code: Unsupported, Reason: "not yet"}
}

// List shows owner's linked accounts, newest last.
func (b *Bindings) List(ctx context.Context, who Identity, owner string) ([]Binding, error) {
	return nil, nil
}

// Delete unlinks one; sessions that were begun through it end. Forbidden for
// an owner who could not sign in any more.
func (b *Bindings) Delete(ctx context.Context, who Identity, id string) (err error) {
	return &Error{Code: Unsupported, Reason: "not yet"}
}
