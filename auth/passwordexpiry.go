package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

func passwordExpired() error {
	return &Error{Code: Expired, Reason: "your password has expired; choose a new one, or ask an administrator"}
}

// Expire lets the passwords of users be good for nothing but choosing new ones;
// without names, those of everybody but the caller. Keys, tokens and sessions
// go on: revoke what must end. Errors: NotFound for the first name that is
// nobody's, after which nothing is done.
func (p *Passwords) Expire(ctx context.Context, who Identity, names ...string) error {
	return p.setExpired(ctx, who, actPasswordExpire, names)
}

// Unexpire takes Expire back.
func (p *Passwords) Unexpire(ctx context.Context, who Identity, names ...string) error {
	return p.setExpired(ctx, who, actPasswordUnexpire, names)
}

const expireFor = 30 * time.Second // for everybody

func (p *Passwords) setExpired(ctx context.Context, who Identity, what act, names []string) (err error) {
	expired, all, target := what == actPasswordExpire, len(names) == 0, strings.Join(names, " ")
	if all {
		target = everybody
	}
	defer func() { p.a.Trail.acted(who, what, target, err) }()
	if err := p.a.may(ctx, who, what, ""); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, expireFor)
	defer cancel()
	if all {
		if names, err = p.a.Users.names(ctx); err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == who.User })
	} else if err := p.a.Users.exist(ctx, names); err != nil {
		return err
	}
	for _, name := range names {
		_, err := p.a.rec.accounts.Update(ctx, name, func(acc *account, _ *time.Time) error {
			if acc.PasswordExpired == expired || acc.Kind != Person {
				return keystore.ErrSkip
			}
			acc.PasswordExpired, acc.Updated = expired, p.a.now().UTC()
			return nil
		})
		if err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	return nil
}

// Renew changes a password by the old one alone, which may have expired. A
// wrong one counts as any guess and is Invalid, field "old", as is a name that
// is nobody's.
func (p *Passwords) Renew(ctx context.Context, peer Peer, name string, old, new Secret) error {
	wrong := func(who Identity, err error) error {
		p.a.Trail.acted(who, actPasswordChange, who.User, err)
		if CodeOf(err) == Unauthenticated {
			return invalid("old", "the user name or the old password is not right")
		}
		return err
	}
	who := Identity{Peer: peer}
	if old.Empty() || len(old.Reveal()) > MaxPassword || FormOf(old.Reveal()) != FormPassword {
		return wrong(who, unauthenticated("not the form of a password"))
	}
	v := &view{a: p.a}
	name, acc, err := p.a.accountFor(ctx, v, name)
	if err != nil {
		return err
	}
	if acc != nil {
		who.User = name
	}
	if err := p.a.checkPassword(ctx, peer, name, acc, old); err != nil {
		return wrong(who, err)
	}
	who = found{acc: acc, name: name, via: Via{Kind: KindPassword, ID: name}, scopes: UserScope}.identity()
	who.Peer = peer
	return p.Change(ctx, who, name, old, new)
}
