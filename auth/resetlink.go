package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"time"
)

// A person who forgot their password chooses a new one by a link, which was
// mailed to the account's address or made by an administrator:
//
//	PUBLIC_URL/ui/reset?user=NAME&key=KEY
//
// The key is 32 random bytes in base64url; a keyed hash of it is kept. It works
// once, opens nothing else, and begins no session.
const (
	resetKeyBytes  = 32
	resetKeyLength = 43 // base64url of them

	mailedLinkLife = 30 * time.Minute
	madeLinkLife   = 24 * time.Hour // by an administrator
)

// resetRecord holds the links that let an account choose a new password: at
// most one that was mailed and one that an administrator made.
type resetRecord struct {
	Links []resetLink `json:"links,omitempty"`
}

// resetLink is live. It ends with its use, its time, and any change of the
// account's password or e-mail address.
type resetLink struct {
	Hash    string    `json:"hash"`
	UID     string    `json:"uid"`
	Epoch   uint64    `json:"epoch"`            // of the account's encrypted passwords, which end with the password and when it is disabled
	Emails  uint64    `json:"emails,omitempty"` // the epoch of the e-mail address
	Email   string    `json:"email,omitempty"`
	By      string    `json:"by,omitempty"` // the administrator; empty: mailed
	Expires time.Time `json:"expires"`
}

// ResetLink lets whoever has it choose User's password.
type ResetLink struct {
	User    string
	Key     Secret
	Expires time.Time
}

// noLink is the one answer about a link that does not work, whatever the
// reason and whoever the name.
func noLink() error {
	return &Error{Code: NotFound, Reason: "this link does not work any more; ask for a new one"}
}

// mayChoose reports an account whose password is kept here, and which may be
// given another without the old one.
func (acc *account) mayChoose() bool {
	return acc != nil && !acc.Disabled && !acc.PasswordDisabled && acc.Kind == Person && acc.Realm == internalRealm
}

func (p *Passwords) newLink(acc *account, by string, life time.Duration) (resetLink, Secret) {
	key := newLinkKey()
	return resetLink{
		Hash: p.a.ring().LookupID(lookupReset, key.Reveal()), UID: acc.UID, Epoch: acc.Epochs.Encrypted, Emails: acc.Epochs.Email,
		Email: acc.Email, By: by, Expires: p.a.now().UTC().Add(life),
	}, key
}

// newLinkKey draws the key of a link that is sent to somebody.
func newLinkKey() Secret {
	b := make([]byte, resetKeyBytes)
	rand.Read(b)
	return NewSecret(base64.RawURLEncoding.EncodeToString(b))
}

// keepLink makes link the only one of its kind, mailed or made.
func (p *Passwords) keepLink(ctx context.Context, name string, link resetLink) error {
	_, err := p.a.rec.resets.Upsert(ctx, name, func(r *resetRecord, expires *time.Time) error {
		r.Links = slices.DeleteFunc(r.Links, func(l resetLink) bool {
			return (l.By == "") == (link.By == "") || l.UID != link.UID
		})
		r.Links = append(r.Links, link)
		if *expires = link.Expires; r.Links[0].Expires.After(link.Expires) {
			*expires = r.Links[0].Expires
		}
		return nil
	})
	return storeFailed(err)
}

// ResetLink makes a link for somebody else, to be handed over by another way
// than mail. It lives 24 hours and replaces the one made before. Errors:
// NotFound, Forbidden, Invalid for an account that has no password to choose.
func (p *Passwords) ResetLink(ctx context.Context, who Identity, name string) (out ResetLink, err error) {
	defer func() { p.a.Trail.acted(who, actResetLink, name, err) }()
	if err := p.a.may(ctx, who, actResetLink, name); err != nil {
		return ResetLink{}, err
	}
	if who.User == name {
		return ResetLink{}, forbidden("your own password is changed with the old one")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	acc, _, err := p.a.rec.accounts.Get(ctx, name)
	switch {
	case gone(err):
		return ResetLink{}, notFound("user " + name)
	case err != nil:
		return ResetLink{}, storeFailed(err)
	case acc.Kind == ServiceUser:
		return ResetLink{}, noServicePassword("user")
	case acc.Disabled:
		return ResetLink{}, invalid("user", "%s is disabled; enable the account first", name)
	case !acc.mayChoose():
		return ResetLink{}, invalid("user", "%s does not sign in with a password that is kept here", name)
	}
	link, key := p.newLink(&acc, who.User, madeLinkLife)
	if err := p.keepLink(ctx, name, link); err != nil {
		return ResetLink{}, err
	}
	return ResetLink{User: name, Key: key, Expires: link.Expires}, nil
}

// opens reports whether the link lets acc's password be chosen now.
func (p *Passwords) opens(l resetLink, acc *account) bool {
	return acc.mayChoose() && l.UID == acc.UID && l.Epoch == acc.Epochs.Encrypted && l.Emails == acc.Epochs.Email && l.Email == acc.Email &&
		p.a.now().Before(l.Expires) &&
		(l.By != "" || !acc.ProfileFixed && !p.a.Policy().KeepPasswords)
}

// link finds the link of a key. NotFound for whatever does not work; the trail
// has one line for each such key in ten minutes.
func (p *Passwords) link(ctx context.Context, peer Peer, typed string, key Secret) (name string, acc *account, link resetLink, err error) {
	if len(key.Reveal()) != resetKeyLength || len(typed) > MaxName {
		return "", nil, link, noLink()
	}
	name, acc, err = p.a.accountFor(ctx, &view{a: p.a}, typed)
	if err != nil {
		return "", nil, link, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, err := p.a.rec.resets.Get(ctx, name)
	if err != nil && !gone(err) {
		return "", nil, link, storeFailed(err)
	}
	hash := p.a.ring().LookupID(lookupReset, key.Reveal())
	i := slices.IndexFunc(rec.Links, func(l resetLink) bool { return l.Hash == hash })
	if i >= 0 && p.opens(rec.Links[i], acc) {
		return name, acc, rec.Links[i], nil
	}
	err = noLink()
	if p.a.wrong.Add(p.a.cache.key("reset", name, key.Reveal())) == 1 {
		target := name
		if acc == nil {
			target = "" // a name that is nobody's may be a password
		}
		p.a.Trail.acted(Identity{Peer: peer}, actPasswordReset, target, err)
	}
	return "", nil, link, err
}

// spend takes the link away; of several at once one succeeds, and the others
// find no link.
func (p *Passwords) spend(ctx context.Context, name, hash string) error {
	spent := errors.New("spent")
	_, err := p.a.rec.resets.Update(ctx, name, func(r *resetRecord, _ *time.Time) error {
		before := len(r.Links)
		r.Links = slices.DeleteFunc(r.Links, func(l resetLink) bool { return l.Hash == hash })
		if len(r.Links) == before {
			return spent
		}
		return nil
	})
	if gone(err) || errors.Is(err, spent) {
		return noLink()
	}
	return storeFailed(err)
}

// sweepLinks removes what was mailed to a deleted account.
func (p *Passwords) sweepLinks(ctx context.Context, name string) error {
	for _, remove := range []func(context.Context, string) error{p.a.rec.resets.Delete, p.a.rec.emails.Delete} {
		if err := remove(ctx, name); err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	return nil
}
