package auth

import (
	"context"
	"errors"
)

const (
	maxArrivals       = 2 // at once, as each reads the index of all users
	maxArrivalsQueued = 256
)

// newcomer makes an account of somebody whom nobody here is linked to, where
// the provider's people get one. NotFound where they do not.
//
// It is found by no name and no address: an account that has either already is
// another's, whatever the provider says of it.
func (u *Users) newcomer(ctx context.Context, v *view, peer Peer, p Provider, ext External) (found, bindingRecord, error) {
	if !p.AutoCreate {
		return found{}, bindingRecord{}, &Error{
			Code:   NotFound,
			Reason: "no user here is linked to this account of " + p.Title + "; sign in as you did before, unlock your profile and link it there, or ask an administrator for an account",
			Err:    errUnbound,
		}
	}
	name, err := nameOf(p, ext)
	if err != nil {
		return found{}, bindingRecord{}, err
	}
	leave, err := u.a.arriving.Enter(ctx)
	if err != nil {
		return found{}, bindingRecord{}, busy(err)
	}
	defer leave()
	// Alone with this identity, then alone with all names that look alike.
	for _, what := range []string{bindingID(ext.Issuer, ext.Subject), skeleton(name)} {
		over, err := u.a.alone(ctx, what)
		if err != nil {
			return found{}, bindingRecord{}, err
		}
		defer over()
	}
	f, rec, err := u.a.byExternal(ctx, v, ext)
	if !errors.Is(err, errUnbound) { // made meanwhile
		return f, rec, err
	}
	if err := u.arrive(ctx, peer, p, ext, name); err != nil {
		return found{}, bindingRecord{}, err
	}
	f, rec, err = u.a.byExternal(ctx, v, ext)
	if errors.Is(err, errUnbound) {
		return found{}, rec, unauthenticated("the account was deleted while it was made")
	}
	return f, rec, err
}

// arrive makes an account and links it, under the first name that is free.
func (u *Users) arrive(ctx context.Context, peer Peer, p Provider, ext External, name string) error {
	names := candidates(p, name)
	alike, err := u.lookAlikes(ctx, names)
	if err != nil {
		return err
	}
	for _, candidate := range names {
		if alike[candidate] {
			return forbidden("your name at %s reads like that of another user here; ask an administrator to make an account for you, and link this one to it", p.Title)
		}
		if _, _, err := u.a.rec.accounts.Get(ctx, candidate); err == nil {
			continue
		} else if !gone(err) {
			return storeFailed(err)
		}
		err = u.settle(ctx, peer, p, ext, candidate)
		if CodeOf(err) != Exists {
			return err
		}
	}
	return forbidden("too many users here have your name at %s already; ask an administrator to make an account for you, and link this one to it", p.Title)
}

// settle makes the account name and links it: the link first, which is dead as
// long as there is no account of its uid, so that a crash leaves no account
// that nobody can get into. Exists where the name is taken.
func (u *Users) settle(ctx context.Context, peer Peer, p Provider, ext External, name string) (err error) {
	id := bindingID(ext.Issuer, ext.Subject)
	who := Identity{Peer: peer, Via: Via{Kind: KindBinding, ID: id}}
	defer func() { u.a.Trail.acted(who, actUserCreate, name, err) }()
	acc, err := u.newFrom(ctx, p, ext, id)
	if err != nil {
		return err
	}
	sys, err := (&view{a: u.a}).system(ctx)
	if err != nil {
		return err
	}
	b := u.a.Bindings
	dead, err := b.free(ctx, id, "", p)
	if err != nil {
		return err
	}
	rec := newBindingRecord(bond{
		User: name, UID: acc.UID, Epoch: acc.Epochs.Binding, System: sys.Epochs.Binding, Created: acc.Created,
	}, ext)
	if err := b.list(ctx, name, id); err != nil {
		return err
	}
	if err := b.take(ctx, id, dead, rec); err != nil {
		return err
	}
	if err := u.put(ctx, name, acc); err != nil {
		return err
	}
	// Who read the list meanwhile found nothing of this account on it.
	if err := b.list(ctx, name, id); err != nil {
		return err
	}
	err = u.leaveGone(ctx, name, acc.Groups)
	if CodeOf(err) == Invalid {
		err = nil // the group is gone, and so is what was given of it
	}
	return err
}

// newFrom is the account of somebody who comes from a provider.
func (u *Users) newFrom(ctx context.Context, p Provider, ext External, id string) (account, error) {
	now := u.a.now().UTC()
	acc := account{
		UID: randomID(), DisplayName: cleanText(ext.DisplayName, MaxDisplayName), PasswordDisabled: true,
		Realm: p.Name, Kind: Person, Created: now, Updated: now,
	}
	if ext.EmailVerified && checkEmail(ext.Email) == nil {
		acc.Email = ext.Email
	}
	acc.drawEpochs()
	var err error
	if acc.Groups, err = u.existing(ctx, p.DefaultGroups); err != nil {
		return account{}, err
	}
	given, err := u.existing(ctx, ext.Groups)
	if err != nil {
		return account{}, err
	}
	acc.give(id, u.a.says(p, given))
	return acc, acc.check()
}
