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

	forgotWindow    = time.Hour
	forgotOfSource  = 10 // asked for, per source and window
	forgotOfAccount = 3  // mailed, per account and window
)

// KindReset is a link that chooses a new password. It identifies nobody; the
// audit trail names it so.
const KindReset Kind = "reset_link"

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
	Epoch   uint64    `json:"epoch"` // of the account's encrypted passwords, which end with the password and when it is disabled
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
}

// noLink is the one answer about a link that does not work, whatever the
// reason and whoever the name.
func noLink() error {
	return &Error{Code: NotFound, Reason: "this link does not work any more; ask for a new one"}
}

// Forgot mails a link to the account of that name, if it may have one. The
// answer is nil for every name, known or not, and comes at one time: who that
// is, and whether there is a mail, is found out later, in the background.
// Errors: Throttled after forgotOfSource calls from one source in an hour, or
// when very many ask at once; Unsupported where no mail is sent or people do
// not change their passwords. An account gets forgotOfAccount mails an hour,
// and nothing is said of more.
func (p *Passwords) Forgot(ctx context.Context, peer Peer, name string) error {
	if !p.mailsLinks() {
		return &Error{Code: Unsupported, Reason: "links to choose a new password are not mailed here; ask an administrator for one"}
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	wait, err := p.a.takeWithin(ctx, "forgot/source/"+p.a.sourceID(peer), forgotOfSource, forgotWindow)
	if err != nil {
		return err
	}
	if wait > 0 {
		return tooManyLetters(wait)
	}
	if len(name) > MaxName {
		name = "" // nobody's as well, and not worth keeping
	}
	peer.Told = nil // the request is over by then
	look := func(ctx context.Context) {
		if l, err := p.writeReset(ctx, peer, name); err == nil {
			p.a.outbox.tell(l)
		}
	}
	if !p.a.outbox.ask(look) {
		return tooManyLetters(letterDeadline)
	}
	return nil
}

func tooManyLetters(wait time.Duration) error {
	return &Error{
		Code: Throttled, Reason: "too many letters were asked for; try again later, or ask an administrator",
		RetryAfter: min(max(wait, time.Second), 300*time.Second),
	}
}

// mailsLinks reports whether people may help themselves.
func (p *Passwords) mailsLinks() bool { return p.a.SendsMail() && !p.a.Policy().KeepPasswords }

// writeReset makes the link and the letter for the account of that name.
func (p *Passwords) writeReset(ctx context.Context, peer Peer, name string) (l Letter, err error) {
	var target string // of an account alone: a name that is nobody's may be a password
	defer func() { p.a.Trail.acted(Identity{Peer: peer}, actPasswordForgot, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	name, acc, err := p.a.accountFor(ctx, &view{a: p.a}, name)
	if err != nil {
		return Letter{}, err
	}
	if acc == nil {
		return Letter{}, notFound("the user")
	}
	target = name
	if !acc.mayChoose() || acc.ProfileFixed || acc.Email == "" || !p.mailsLinks() {
		return Letter{}, forbidden("this account gets no link by mail")
	}
	wait, err := p.a.takeWithin(ctx, "forgot/account/"+name, forgotOfAccount, forgotWindow)
	if err != nil {
		return Letter{}, err
	}
	if wait > 0 {
		return Letter{}, tooManyLetters(wait)
	}
	link, key := p.newLink(acc, "", mailedLinkLife)
	if err := p.keepLink(ctx, name, link); err != nil {
		return Letter{}, err
	}
	return Letter{Kind: LetterReset, To: acc.Email, User: name, Key: key, Ends: link.Expires}, nil
}

// mayChoose reports an account whose password is kept here, and which may be
// given another without the old one.
func (acc *account) mayChoose() bool {
	return acc != nil && !acc.Disabled && !acc.PasswordDisabled && acc.Kind == Person && acc.Realm == internalRealm
}

func (p *Passwords) newLink(acc *account, by string, life time.Duration) (resetLink, Secret) {
	key := newLinkKey()
	return resetLink{
		Hash: p.a.ring().LookupID(lookupReset, key.Reveal()), UID: acc.UID, Epoch: acc.Epochs.Encrypted,
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
	return acc.mayChoose() && l.UID == acc.UID && l.Epoch == acc.Epochs.Encrypted && l.Email == acc.Email &&
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
	e.Tokens, e.SSHKeys, e.Sessions = len(tokens), len(keys), len(sessions)
	e.Upstreams, err = p.a.Upstreams.count(ctx, name, acc)
	return e, err
}

// Reset gives the account the password new, once. It ends every session, the
// encrypted password and what was made with the old password; without keep it
// also ends the API key, tokens, SSH keys, upstream credentials and a change
// of address that waits, and forgets from where the account was used: nothing
// that somebody prepared is left. No session begins. Errors: NotFound for a
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
