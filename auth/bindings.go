package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/latchkey-io/latchkey/internal/seal"
)

// Bindings keeps the accounts elsewhere that sign a user in here.
type Bindings struct {
	a     *Authority
	shelf shelf[bindingRecord]
}

const (
	maxBindingsOf  = 50
	maxBindingText = 128 // characters of what is kept to be shown
)

// bindingRecord is at the hash of issuer and subject, so that an
// identity is bound to one user at most.
type bindingRecord struct {
	bond
	Provider string `json:"provider"` // that it was made through
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Login    string `json:"login,omitempty"` // to show
	Email    string `json:"email,omitempty"` // to show
	// Registration tells it from one made later of the same identity: the id
	// is the identity's own, and what was begun through one that was unlinked
	// must not come back with the next.
	Registration uint64 `json:"registration"`
	// Logouts counts how often its provider ended all of its sessions.
	Logouts uint64 `json:"logouts,omitempty"`
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

// bindingID is the id of the record of an identity, whoever has it. No key is
// in it: neither part is a secret, and with new keys of ours, as after a
// compromise, people must not come back as somebody else.
func bindingID(issuer, subject string) string {
	sum := sha256.Sum256([]byte(ofIssuer(issuer, subject)))
	return seal.EncodeID(sum[:])
}

func newBindingRecord(b bond, ext External) bindingRecord {
	return bindingRecord{
		bond: b, Provider: ext.Provider, Issuer: ext.Issuer, Subject: ext.Subject,
		Login: cleanText(ext.Login, maxBindingText), Email: cleanText(ext.Email, maxBindingText), Registration: randomEpoch(),
	}
}

func (r bindingRecord) ref(id string) Ref {
	return Ref{Kind: KindBinding, ID: id, Epoch: r.Registration}
}

// binding tells of the record id, by the provider that vouches for it now.
func (b *Bindings) binding(id string, r bindingRecord) Binding {
	p, known := b.a.vouching(r.Provider, r.Issuer)
	if known {
		r.Provider = p.Name
	}
	return Binding{
		ID: id, Owner: r.User, Provider: r.Provider, Issuer: r.Issuer, Subject: r.Subject,
		Login: r.Login, Email: r.Email, Created: r.Created, Dormant: !known,
	}
}

// Create links the identity that the caller has just proved at a provider to
// the caller, who is in an unlocked session: the one, named by its Via.ID, in
// which the way there was begun. Errors: Locked, Forbidden; Exists where the
// identity is bound, to whomever, or the caller has one of that provider.
func (b *Bindings) Create(ctx context.Context, who Identity, session string, ext External) (out Binding, err error) {
	id := bindingID(ext.Issuer, ext.Subject)
	defer func() { b.a.Trail.acted(who, actBindingCreate, who.User+" "+id, err) }()
	if !who.begun(session) {
		return Binding{}, beganElsewhere()
	}
	if err := b.a.allow(who, actBindingCreate, who.User); err != nil {
		return Binding{}, err
	}
	p, err := b.a.vouched(ext)
	if err != nil {
		return Binding{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	over, err := b.alone(ctx, who.uid) // or a user would have two of one provider
	if err != nil {
		return Binding{}, err
	}
	defer over()
	acc, sys, err := b.a.forBond(ctx, &view{a: b.a}, who, who.User)
	if err != nil {
		return Binding{}, err
	}
	if acc.ProfileFixed && !who.Admin {
		return Binding{}, forbidden("your profile is kept by the administrators; ask them")
	}
	rec := newBindingRecord(newBond(who, who.User, acc, sys, KindBinding, b.a.now().UTC(), time.Time{}), ext)
	dead, err := b.free(ctx, id, who.User, p)
	if err != nil {
		return Binding{}, err
	}
	if err := b.single(ctx, who.User, p); err != nil {
		return Binding{}, err
	}
	if err := b.list(ctx, who.User, id); err != nil {
		return Binding{}, err
	}
	if err := b.take(ctx, id, dead, rec); err != nil {
		return Binding{}, err
	}
	// Who read the list meanwhile found no record and took the id off it.
	return b.binding(id, rec), b.list(ctx, who.User, id)
}

// begun reports whether session is the one that the caller is in.
func (w Identity) begun(session string) bool {
	return w.Via.Kind == KindSession && session != "" && w.Via.ID == session
}

// beganElsewhere refuses who did not begin an attempt in the session they are
// in: somebody else may have, to link an account of theirs to the victim's, or
// the victim's to theirs (RFC 9700 §4.7).
func beganElsewhere() error {
	return forbidden("this began in another browser, or before you signed in again; begin again here")
}

// free finds that the record id does not stand in the way of another owner:
// there is none, or dead, which never comes back to life.
func (b *Bindings) free(ctx context.Context, id, owner string, p Provider) (dead bindingRecord, err error) {
	rec, _, err := b.a.rec.bindings.Get(ctx, id)
	if gone(err) {
		return bindingRecord{}, nil
	} else if err != nil {
		return bindingRecord{}, storeFailed(err)
	}
	v := &view{a: b.a}
	holder, err := v.account(ctx, rec.User)
	if err != nil {
		return bindingRecord{}, err
	}
	if holder != nil {
		holder.Disabled = false // silent, not gone
	}
	why, err := v.holds(ctx, KindBinding, rec.bond, holder)
	switch {
	case err != nil:
		return bindingRecord{}, err
	case why != "":
		return rec, nil
	case rec.User == owner:
		return bindingRecord{}, &Error{Code: Exists, Reason: "you have linked this account of " + p.Title + " already"}
	}
	return bindingRecord{}, boundElsewhere(p)
}

func boundElsewhere(p Provider) error {
	return &Error{Code: Exists, Reason: "this account of " + p.Title + " is linked to another user here; sign in as that user and unlink it first, or link another account"}
}

// single is Exists where owner has a live one of p already.
func (b *Bindings) single(ctx context.Context, owner string, p Provider) error {
	live, err := b.shelf.live(ctx, owner)
	if err != nil {
		return err
	}
	for _, l := range live {
		if of, ok := b.a.vouching(l.rec.Provider, l.rec.Issuer); ok && of.Name == p.Name {
			return &Error{Code: Exists, Reason: "you have linked another account of " + p.Title + "; unlink that one first"}
		}
	}
	return nil
}

// take puts rec where dead was, or nothing where dead is zero; Exists when
// somebody else did so meanwhile.
func (b *Bindings) take(ctx context.Context, id string, dead, rec bindingRecord) error {
	_, err := b.a.rec.bindings.Upsert(ctx, id, func(r *bindingRecord, expires *time.Time) error {
		if r.UID != dead.UID || r.Registration != dead.Registration {
			return &Error{Code: Exists, Reason: "this account was linked at the same moment; look again"}
		}
		*r, *expires = rec, time.Time{}
		return nil
	})
	return storeFailed(err)
}

// list puts a binding on its owner's list, making room where what stands on it
// has ended.
func (b *Bindings) list(ctx context.Context, owner, id string) error {
	err := b.shelf.list(ctx, owner, id)
	if errors.Is(err, errListFull) {
		if err := b.shelf.tidy(ctx, owner, b.shelf.remove); err != nil {
			return err
		}
		err = b.shelf.list(ctx, owner, id)
	}
	if errors.Is(err, errListFull) {
		return forbidden("%s has %d linked accounts, which is the most; unlink some", owner, maxBindingsOf)
	}
	return err
}

// List shows owner's linked accounts, newest last.
func (b *Bindings) List(ctx context.Context, who Identity, owner string) ([]Binding, error) {
	if err := b.a.may(ctx, who, actBindingShow, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	live, err := b.shelf.live(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := make([]Binding, 0, len(live))
	for _, l := range live {
		one := b.binding(l.id, l.rec)
		one.LastUsed = b.a.lastUse(ctx, KindBinding, l.id)
		out = append(out, one)
	}
	return out, nil
}

func (b *Bindings) sweep(ctx context.Context, owner string) error {
	return b.shelf.sweep(ctx, owner, b.shelf.remove)
}
