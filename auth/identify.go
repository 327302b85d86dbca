package auth

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/internal/seal"
	"golang.org/x/crypto/ssh"
)

// found is what a proof led to, before it becomes an Identity.
type found struct {
	acc    *account
	name   string
	via    Via
	scopes Scopes
	ends   time.Time

	registration uint64 // of an SSH key or linked account

	unlocked   time.Time
	unlockable bool
	provider   string // of a session
	unlockBy   UnlockBy
	local      bool
	narrowed   bool
	whole      bool
}

// Identify turns a proof into an identity, or says no: with code
// Unauthenticated whatever the cause, Repeated, Throttled, Expired (to who has
// the right password) or Unavailable. It is the one place where this is decided.
func (a *Authority) Identify(ctx context.Context, peer Peer, p Proof) (Identity, error) {
	now := a.now()
	k, ok := a.proofKey(peer, p)
	if !ok {
		return Identity{}, a.refuse(peer, p, k, "", unauthenticated("not the form of a credential"))
	}
	if who, ok := a.cache.get(k, now); ok {
		a.uses.note(&who.Via, who.Expires, &peer, now)
		who.Peer = peer
		return who, nil
	}
	switch p.(type) {
	case Password, ExternalToken: // hashing may wait its turn, and a provider's keys may have to be had
	default:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, storeDeadline)
		defer cancel()
	}
	seq := a.cache.feed.seq.Load()
	v := &view{a: a}
	f, err := a.resolve(ctx, v, peer, p)
	if err != nil {
		return Identity{}, a.refuse(peer, p, k, f.name, err)
	}
	who := f.identity()
	a.cache.put(k, who, seq, v.deps, now)
	a.uses.note(&who.Via, who.Expires, &peer, now)
	who.Peer = peer
	return who, nil
}

// resolve answers "how can one get in": by these proofs and no others.
func (a *Authority) resolve(ctx context.Context, v *view, peer Peer, p Proof) (found, error) {
	switch p := p.(type) {
	case APIKey:
		return a.byAPIKey(ctx, v, p)
	case Bearer:
		if FormOf(p.Secret.Reveal()) == FormReference {
			return a.byReference(ctx, v, p)
		}
		return a.byJWT(ctx, v, p)
	case Password:
		if a.Policy().EncryptedPasswords == EncryptionRequired {
			return found{}, unauthenticated("clear passwords are refused by policy")
		}
		return a.byPassword(ctx, v, peer, p)
	case EncryptedPassword:
		return a.byEncryptedPassword(ctx, v, p)
	case SSHKey:
		return a.bySSHKey(ctx, v, p)
	case Session:
		return a.bySession(ctx, v, p)
	case ExternalToken:
		return a.byExternalToken(ctx, v, p)
	case Local:
		id := "local:" + strconv.Itoa(p.UID)
		return found{local: true, name: id, via: Via{Kind: KindLocal, ID: id}, scopes: Scopes{{Kind: ScopeAdmin}}}, nil
	}
	return found{}, unauthenticated("unknown kind of proof")
}

// nobody is the answer about a proof that was refused. It says whose account
// was tried, for the audit trail, where there is such an account.
func nobody(name string, acc *account) found {
	if acc == nil {
		return found{}
	}
	return found{name: name}
}

// proofKey names a proof for the cache, by a keyed hash. A password is named
// with its source: what is kept for its owner must not answer the guesses of
// others. ok is false for what has not even the form of a credential; that
// costs no read.
func (a *Authority) proofKey(peer Peer, p Proof) (k cacheKey, ok bool) {
	var kind, user, secret, source string
	switch p := p.(type) {
	case APIKey:
		kind, user, secret = "key", p.User, p.Secret.Reveal()
		ok = FormOf(secret) == FormAPIKey && wellFormed(secret)
	case Bearer:
		kind, user, secret = "bearer", p.User, p.Secret.Reveal()
		form := FormOf(secret)
		ok = form == FormJWT && len(secret) <= seal.MaxJWT || form == FormReference && wellFormed(secret)
	case Password:
		kind, user, secret, source = "password", p.User, p.Secret.Reveal(), sourceOf(peer)
		ok = secret != "" && len(secret) <= MaxPassword && user != ""
	case EncryptedPassword:
		kind, user, secret = "encrypted", p.User, p.Secret.Reveal()
		ok = FormOf(secret) == FormEncryptedPassword && wellFormed(secret) && user != ""
	case Session:
		kind, secret = "session", p.Secret.Reveal()
		ok = len(secret) == sessionLength
	case ExternalToken:
		kind, secret, source = "external", p.Secret.Reveal(), strings.Join(p.Providers, " ")
		ok = FormOf(secret) == FormJWT && len(p.Providers) > 0
	case SSHKey:
		if p.Key == nil {
			return k, false
		}
		kind, secret, ok = "ssh", string(p.Key.Marshal()), true
	case Local:
		kind, secret, ok = "local", strconv.Itoa(p.UID), true
	}
	if len(secret) > maxSecret || len(user) > maxSecret {
		return k, false
	}
	return a.cache.key(kind, user, secret, source), ok
}

func (f found) identity() Identity {
	if f.local {
		return Identity{User: f.name, Name: "local administrator", Admin: true, isAdmin: true, Via: f.via, Scopes: f.scopes}
	}
	who := Identity{
		User: f.name, Name: f.acc.DisplayName, Email: f.acc.Email,
		Service: f.acc.Kind == ServiceUser,
		Via:     f.via, Scopes: f.scopes, Expires: f.ends,
		UnlockedUntil: f.unlocked, Unlockable: f.unlockable, Provider: f.provider, UnlockBy: f.unlockBy,
		uid: f.acc.UID, allGroups: f.acc.Groups, isAdmin: f.acc.Admin, epoch: f.acc.Epochs.Password, narrowed: f.narrowed, whole: f.whole,
	}
	if f.via.Kind == KindSSHKey || f.via.Kind == KindBinding {
		who.epoch = f.registration
	}
	if f.scopes.User() {
		who.Groups, who.Admin = f.acc.Groups, f.acc.Admin
		return who
	}
	for _, s := range f.scopes {
		if s.Kind == ScopeGroups {
			for _, g := range f.acc.Groups {
				if slices.Contains(s.Groups, g) && !slices.Contains(who.Groups, g) {
					who.Groups = append(who.Groups, g)
				}
			}
		}
	}
	slices.Sort(who.Groups)
	return who
}

// byAPIKey: checksum (done) → keyed hash → record → account → epochs.
func (a *Authority) byAPIKey(ctx context.Context, v *view, p APIKey) (found, error) {
	hash := a.ring().LookupID(lookupAPIKey, p.Secret.Reveal())
	rec, err := look(ctx, v, a.rec.creds, hash)
	if gone(err) || err == nil && rec.Token != "" {
		return found{}, unauthenticated("unknown API key")
	} else if err != nil {
		return found{}, storeFailed(err)
	}
	f, err := a.bonded(ctx, v, KindAPIKey, rec.bond, p.User)
	f.via = Via{Kind: KindAPIKey, ID: keyID(hash), Parents: rec.Parents, ref: hash}
	f.scopes = UserScope
	return f, err
}

func (a *Authority) byReference(ctx context.Context, v *view, p Bearer) (found, error) {
	rec, err := look(ctx, v, a.rec.creds, a.ring().LookupID(lookupReference, p.Secret.Reveal()))
	if gone(err) || err == nil && rec.Token == "" {
		return found{}, unauthenticated("unknown reference token")
	} else if err != nil {
		return found{}, storeFailed(err)
	}
	return a.byTokenRecord(ctx, v, rec.Token, p.User, "")
}

func (a *Authority) bySSHKey(ctx context.Context, v *view, p SSHKey) (found, error) {
	if err := checkKeyStrength(p.Key); err != nil {
		return found{}, unauthenticated("weak SSH key")
	}
	id := sshKeyID(p.Key)
	rec, err := look(ctx, v, a.rec.sshKeys, id)
	if gone(err) {
		return found{}, unauthenticated("unknown SSH key " + ssh.FingerprintSHA256(p.Key))
	} else if err != nil {
		return found{}, storeFailed(err)
	}
	f, err := a.bonded(ctx, v, KindSSHKey, rec.bond, "")
	f.via = Via{Kind: KindSSHKey, ID: id, Parents: rec.Parents, ref: id}
	f.registration, f.scopes = rec.Registration, UserScope
	return f, err
}

// bonded reads the account of a live bond. user is the name that came with
// the secret; where there is one it must be the owner's.
func (a *Authority) bonded(ctx context.Context, v *view, kind Kind, b bond, user string) (found, error) {
	if user != "" {
		if name, err := CanonicalName(user); err != nil || name != b.User {
			return found{}, unauthenticated("the credential is of another user than the one named")
		}
	}
	acc, err := v.account(ctx, b.User)
	if err != nil {
		return found{}, err
	}
	why, err := v.live(ctx, kind, b, acc)
	if err != nil {
		return found{}, err
	}
	if why != "" {
		return nobody(b.User, acc), unauthenticated(string(kind) + ": " + why)
	}
	return found{acc: acc, name: b.User, ends: b.Expires}, nil
}

// refuse counts and records a failed proof on its way out, an expired password
// too: the tenth time the same wrong secret comes in ten minutes the code is
// Repeated, for clients that never stop asking on a 401.
func (a *Authority) refuse(peer Peer, p Proof, k cacheKey, user string, err error) error {
	code := CodeOf(err)
	if code != Unauthenticated && code != Expired {
		return err
	}
	n := 1
	if _, local := p.(Local); !local {
		n = a.wrong.Add(k)
	}
	if n == 1 {
		a.Trail.refused(peer, p, user, err)
	}
	if n >= repeatLimit && code != Expired {
		return &Error{Code: Repeated, Reason: "this credential was refused again and again; stop sending it", Err: err}
	}
	return err
}

// repeatLimit is how often one wrong secret may come before the answer is a
// plain no. git-lfs before 3.6 repeats a 401 for ever.
const repeatLimit = 10

// Recheck reports whether an identity found earlier still holds, with all the
// rights it had: nil, an error of code Unauthenticated, or Unavailable when the
// store does not answer. Long
// requests, WebSockets and SSH sessions ask every few seconds.
func (a *Authority) Recheck(ctx context.Context, who Identity) error {
	if !who.Known() || who.Via.Kind == KindLocal {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if !who.Expires.IsZero() && who.Via.Kind != KindSession && !a.now().Before(who.Expires) {
		return unauthenticated("expired") // a session's end moves; its record tells
	}
	v := &view{a: a}
	acc, err := v.account(ctx, who.User)
	if err != nil {
		return err
	}
	if acc == nil || acc.UID != who.uid || acc.Disabled {
		return unauthenticated("the account is gone or disabled")
	}
	if who.isAdmin && !acc.Admin || slices.ContainsFunc(who.allGroups, func(g string) bool { return !slices.Contains(acc.Groups, g) }) {
		return unauthenticated("rights of the account were taken away")
	}
	for _, ref := range lineage(who) {
		if why, err := v.parentHolds(ctx, ref, acc); err != nil {
			return err
		} else if why != "" {
			return unauthenticated(why)
		}
	}
	return nil
}
