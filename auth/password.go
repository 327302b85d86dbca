package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Passwords keeps the passwords of local users.
type Passwords struct{ a *Authority }

// MaxPassword is the longest password looked at, in bytes.
const MaxPassword = 1024

// argon2id with OWASP's first recommendation: 19 MiB, two passes, one lane.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32

	maxHashQueue = 64              // waiting for a core beyond those at work
	maxHashWait  = 5 * time.Second // in that queue
)

// phcPrefix begins every hash of ours (PHC string format).
var phcPrefix = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonThreads)

// nobodysHash is hashed against where there is no password to compare with,
// so that unknown, disabled and wrong take one time.
var nobodysHash = phcPrefix + "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	b64 := base64.RawStdEncoding
	return phcPrefix + b64.EncodeToString(salt) + "$" + b64.EncodeToString(sum)
}

// matches hashes password as phc says and compares. A phc of other parameters
// than ours never matches.
func matches(phc, password string) bool {
	salt64, sum64, ok := strings.Cut(strings.TrimPrefix(phc, phcPrefix), "$")
	b64 := base64.RawStdEncoding
	salt, err1 := b64.DecodeString(salt64)
	want, err2 := b64.DecodeString(sum64)
	if !ok || !strings.HasPrefix(phc, phcPrefix) || err1 != nil || err2 != nil || len(want) != argonKey {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	return subtle.ConstantTimeCompare(got, want) == 1
}

func (a *Authority) byPassword(ctx context.Context, v *view, peer Peer, p Password) (found, error) {
	name, acc, err := a.accountFor(ctx, v, p.User)
	if err != nil {
		return found{}, err
	}
	if err := a.checkPassword(ctx, peer, name, acc, p.Secret); err != nil {
		return nobody(name, acc), err
	}
	if acc.PasswordExpired {
		return nobody(name, acc), passwordExpired()
	}
	// An answer that is kept is one that nobody guesses at: the next guess
	// from here that is paid for ends it.
	for _, b := range a.placeBudgets(name, a.sourceID(peer)) {
		v.deps = append(v.deps, a.rec.guesses.Key(b.id))
	}
	return found{acc: acc, name: name, via: Via{Kind: KindPassword, ID: name}, scopes: UserScope}, nil
}

// accountFor reads the account under a name as typed; nil where the name is
// none or nobody's. Its error is of the store only.
func (a *Authority) accountFor(ctx context.Context, v *view, typed string) (string, *account, error) {
	name, err := CanonicalName(typed)
	if err != nil {
		return "", nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if _, err := v.system(ctx); err != nil {
		return "", nil, err
	}
	acc, err := v.account(ctx, name)
	return name, acc, err
}

// mayUsePassword reports whether the account can sign in with a password kept
// here at all.
func (acc *account) mayUsePassword() bool {
	return acc != nil && !acc.Disabled && !acc.PasswordDisabled && acc.Kind == Person && acc.Password != ""
}

// checkPassword is the one place where a password is tried. acc is nil for a
// name that is nobody's. Guesses are paid for before they are hashed; a secret
// known to be wrong costs neither, nor does one that was right a moment ago
// from the same source. Of several at once that try the same, one tries and
// the others wait for what it finds.
func (a *Authority) checkPassword(ctx context.Context, peer Peer, name string, acc *account, password Secret) error {
	t := a.attempt(peer, name, acc, password)
	ctx, cancel := context.WithTimeout(ctx, maxHashWait+storeDeadline)
	defer cancel()
	for {
		if known, err := a.recall(ctx, t); known {
			return err
		}
		done, leave := a.trying.join(t.right)
		if leave != nil {
			defer leave()
			return a.try(ctx, t)
		}
		select {
		case <-done:
		case <-ctx.Done():
			return busy(ctx.Err())
		}
	}
}

// Change sets the password of name. Owners give their old one; an
// administrator acting on somebody else, or at the local socket, does not. It
// ends the encrypted password, every session but the one who came with, and
// what was made with the old password.
func (p *Passwords) Change(ctx context.Context, who Identity, name string, old, new Secret) (err error) {
	defer func() { p.a.Trail.acted(who, actPasswordChange, name, err) }()
	if err := p.a.may(ctx, who, actPasswordChange, name); err != nil {
		return err
	}
	own := who.User == name
	_, acc, err := p.a.accountFor(ctx, &view{a: p.a}, name)
	if err != nil {
		return err
	}
	if acc == nil {
		return notFound("user " + name)
	}
	if acc.Kind == ServiceUser {
		return noServicePassword("new")
	}
	if acc.PasswordDisabled && own {
		return forbidden("your password is kept elsewhere and cannot be changed here")
	}
	if own && !who.Admin && (acc.ProfileFixed || p.a.Policy().KeepPasswords) {
		return forbidden("passwords are changed by the administrators here; ask them")
	}
	if err := p.a.goodPassword(name, new.Reveal(), "new"); err != nil {
		return err
	}
	if own {
		if err := p.a.checkPassword(ctx, who.Peer, name, acc, old); err != nil {
			if CodeOf(err) == Unauthenticated {
				return invalid("old", "the old password is not right")
			}
			return err
		}
		if old.Equal(new) {
			return invalid("new", "the new password is the old one")
		}
	}
	phc, err := p.a.hash(ctx, new)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	changed, err := p.a.rec.accounts.Update(ctx, name, func(r *account, _ *time.Time) error {
		if r.UID != acc.UID || own && r.Password != acc.Password {
			return &Error{Code: Invalid, Field: "old", Reason: "the password was changed meanwhile"}
		}
		r.setPassword(phc)
		r.Updated = p.a.now()
		return nil
	})
	if gone(err) {
		return notFound("user " + name)
	} else if err != nil {
		return storeFailed(err)
	}
	if own && who.Via.Kind == KindSession {
		if err := p.a.Sessions.carryOver(ctx, who, &changed); err != nil {
			return err
		}
	}
	p.a.passwordChanged(name, changed)
	return nil
}

// setPassword ends what hung on the old one.
func (acc *account) setPassword(phc string) {
	acc.Password, acc.PasswordExpired = phc, false
	acc.endPassword()
}

// endPassword ends what stood in for the password and what was made with it.
func (acc *account) endPassword() {
	acc.Epochs.Password++
	acc.Epochs.Encrypted++
	acc.Epochs.Session++
}

func noServicePassword(field string) error {
	return invalid(field, "a service account has no password; give it tokens")
}

// forAnother hashes the password that an administrator gives to somebody else;
// empty for none.
func (p *Passwords) forAnother(ctx context.Context, who Identity, name string, password Secret) (phc string, err error) {
	if password.Empty() {
		return "", nil
	}
	if who.User == name {
		return "", forbidden("your own password is changed with the old one")
	}
	if err := p.a.may(ctx, who, actPasswordChange, name); err != nil {
		return "", err
	}
	if err := p.a.goodPassword(name, password.Reveal(), "password"); err != nil {
		return "", err
	}
	return p.a.hash(ctx, password)
}

// hash waits for a core and hashes.
func (a *Authority) hash(ctx context.Context, password Secret) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, maxHashWait)
	defer cancel()
	leave, err := a.hashingKnown.Enter(ctx)
	if err != nil {
		return "", busy(err)
	}
	defer leave()
	return hashPassword(password.Reveal()), nil
}

// goodPassword says what is wrong with a new password of user, in a field. See
// PasswordRule.
func (a *Authority) goodPassword(user, password, field string) error {
	rule := a.PasswordRule(user)
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return invalid(field, "the password is not valid text")
	case n < rule.Least:
		return invalid(field, "the password has %d characters; at least %d are needed (password.min_length)", n, rule.Least)
	case len(password) > MaxPassword:
		return invalid(field, "the password has %d bytes; at most %d are read", len(password), MaxPassword)
	case FormOf(password) != FormPassword:
		return invalid(field, "the password looks like one of Latchkey's own secrets; choose another")
	case rule.guessable(password):
		return invalid(field, "the password is too easy to guess: beside common words, the user name and runs such as 1234 it has too little of its own")
	}
	return nil
}
