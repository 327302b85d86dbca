package auth

import (
	"context"
	"time"
)

// KindReset is a link that chooses a new password. It identifies nobody; the
// audit trail names it so.
const KindReset Kind = "reset_link"

// ResetView is what a link will do.
type ResetView struct {
	User    string
	Ends    Ending // beside the password, unless the person keeps these
	Expires time.Time
}

// Ending counts the live credentials of an account that a new password ends.
type Ending struct {
	APIKey    bool `json:"api_key"`
	Tokens    int  `json:"tokens"`
	SSHKeys   int  `json:"ssh_keys"`
	Sessions  int  `json:"sessions"`
	Upstreams int  `json:"upstreams"`
	Bindings  int  `json:"bindings"`
}

// ShowReset tells what a link will do, and changes nothing. NotFound for every
// link that does not work.
func (p *Passwords) ShowReset(ctx context.Context, peer Peer, name string, key Secret) (ResetView, error) {
	name, acc, link, err := p.link(ctx, peer, name, key)
	if err != nil {
		return ResetView{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	ends, err := p.ending(ctx, name, acc)
	return ResetView{User: name, Ends: ends, Expires: link.Expires}, err
}

func (p *Passwords) ending(ctx context.Context, name string, acc *account) (e Ending, err error) {
	if _, _, e.APIKey, err = p.a.Keys.own(ctx, name); err != nil {
		return Ending{}, err
	}
	tokens, err := p.a.Tokens.shelf.live(ctx, name)
	if err != nil {
		return Ending{}, err
	}
	keys, err := p.a.SSHKeys.shelf.live(ctx, name)
	if err != nil {
		return Ending{}, err
	}
	sessions, err := p.a.Sessions.shelf.live(ctx, name)
	if err != nil {
		return Ending{}, err
	}
	bindings, err := p.a.Bindings.shelf.live(ctx, name)
	if err != nil {
		return Ending{}, err
	}
	e.Tokens, e.SSHKeys, e.Sessions, e.Bindings = len(tokens), len(keys), len(sessions), len(bindings)
	e.Upstreams, err = p.a.Upstreams.count(ctx, name, acc)
	return e, err
}

// Reset gives the account the password new, once. It ends every session, the
// encrypted password and what was made with the old password; without keep it
// also ends the API key, tokens, SSH keys, upstream credentials, linked accounts
// with the groups they gave and a change of address that waits, and forgets from
// where the account was used: nothing that somebody prepared is left. No session begins. Errors: NotFound for a
// link that does not work; Invalid, field "new", after which the link works on.
func (p *Passwords) Reset(ctx context.Context, peer Peer, name string, key, new Secret, keep bool) (err error) {
	name, acc, link, err := p.link(ctx, peer, name, key)
	if err != nil {
		return err
	}
	who := Identity{User: name, Peer: peer, Via: Via{Kind: KindReset, ID: link.Hash[:shortHash]}}
	defer func() { p.a.Trail.acted(who, actPasswordReset, name, err) }()
	if err := p.a.goodPassword(name, new.Reveal(), "new"); err != nil {
		return err
	}
	phc, err := p.a.hash(ctx, new)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	if !keep {
		if err := p.forget(ctx, name); err != nil {
			return err
		}
	}
	// The link first: what follows happens once, or not at all.
	if err := p.spend(ctx, name, link.Hash); err != nil {
		return err
	}
	changed, err := p.a.rec.accounts.Update(ctx, name, func(r *account, _ *time.Time) error {
		if r.UID != acc.UID || !p.opens(link, r) {
			return noLink()
		}
		r.setPassword(phc)
		if !keep {
			r.endPrepared()
		}
		r.Updated = p.a.now().UTC()
		return nil
	})
	if gone(err) {
		return noLink()
	} else if err != nil {
		return storeFailed(err)
	}
	p.a.passwordChanged(name, changed)
	return nil
}

// endPrepared ends what lets somebody in who does not have the password.
func (acc *account) endPrepared() {
	acc.Epochs.Key++
	acc.Epochs.Token++
	acc.Epochs.SSHKey++
	acc.Epochs.Upstream++
	acc.Epochs.Binding++
	acc.takeBackAll()
}

// forget drops the places that the account was used from, what was guessed at
// it, and an address that waits to be confirmed.
func (p *Passwords) forget(ctx context.Context, name string) error {
	if err := p.a.clearGuesses(ctx, name); err != nil {
		return err
	}
	if err := p.a.rec.places.Delete(ctx, name); err != nil && !gone(err) {
		return storeFailed(err)
	}
	if err := p.a.rec.emails.Delete(ctx, name); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}
