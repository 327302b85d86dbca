package auth

import (
	"context"
	"slices"
)

// Delete unlinks one; sessions that were begun through it end, and the groups
// that it gave go. Forbidden for an owner who could not sign in any more.
func (b *Bindings) Delete(ctx context.Context, who Identity, id string) (err error) {
	target := id
	defer func() { b.a.Trail.acted(who, actBindingDelete, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	rec, _, err := b.a.rec.bindings.Get(ctx, id)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if gone(err) || rec.User != who.User && !who.Admin {
		return notFound("linked account")
	}
	target = rec.User + " " + id
	if err := b.a.may(ctx, who, actBindingDelete, rec.User); err != nil {
		return err
	}
	if rec.User == who.User {
		over, err := b.alone(ctx, who.uid) // or two would both find the other
		if err != nil {
			return err
		}
		defer over()
		if err := b.notTheLast(ctx, id, rec); err != nil {
			return err
		}
	}
	// The groups first, as nobody could take them back by this id afterwards,
	// and once more for who signed in through it meanwhile.
	if err := b.takeBack(ctx, id, rec); err != nil {
		return err
	}
	if err := b.shelf.remove(ctx, id, rec); err != nil {
		return err
	}
	if err := b.takeBack(ctx, id, rec); err != nil {
		return err
	}
	if _, err := b.a.Sessions.endThrough(ctx, rec.User, id); err != nil {
		return err
	}
	return b.shelf.unlist(ctx, rec.User, id)
}

// alone lets nobody else link or unlink accounts of the user uid meanwhile.
func (b *Bindings) alone(ctx context.Context, uid string) (over func(), err error) {
	return b.a.alone(ctx, "links of "+uid)
}

// notTheLast is Forbidden when nothing would sign the owner in but this.
func (b *Bindings) notTheLast(ctx context.Context, id string, rec bindingRecord) error {
	acc, err := (&view{a: b.a}).account(ctx, rec.User)
	if err != nil {
		return err
	}
	if acc == nil || acc.UID != rec.UID || acc.mayUsePassword() || !b.a.trusts(rec.Issuer) {
		return nil
	}
	live, err := b.shelf.live(ctx, rec.User)
	if err != nil {
		return err
	}
	others := func(l shelved[bindingRecord]) bool { return l.id != id && b.a.trusts(l.rec.Issuer) }
	if slices.ContainsFunc(live, others) {
		return nil
	}
	return forbidden("this is the only way in which you can sign in; link another account first, or ask an administrator for a password")
}
