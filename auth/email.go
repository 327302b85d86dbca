package auth

import (
	"context"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Where mail is sent, an address that a person gives their own account counts
// once a link that was mailed there has been opened by them, signed in:
//
//	PUBLIC_URL/ui/email?key=KEY
const (
	emailLinkLife   = 24 * time.Hour
	emailWindow     = time.Hour
	emailsOfAccount = 5 // letters to new addresses, per account and window
)

// emailRecord is a new e-mail address that waits to be confirmed there.
type emailRecord struct {
	Hash    string    `json:"hash"`
	UID     string    `json:"uid"`
	Epoch   uint64    `json:"epoch"` // as that of a resetLink
	Emails  uint64    `json:"emails,omitempty"`
	Old     string    `json:"old,omitempty"`
	New     string    `json:"new"`
	Expires time.Time `json:"expires"`
}

// waits reports whether the address still waits for acc.
func (r emailRecord) waits(acc *account, now time.Time) bool {
	return acc != nil && !acc.Disabled && r.UID == acc.UID && r.Epoch == acc.Epochs.Encrypted && r.Emails == acc.Epochs.Email && r.Old == acc.Email && now.Before(r.Expires)
}

// ChangeEmail gives an account another address. Where mail is sent, owners are
// mailed a link there, and nothing has changed yet: pending. An administrator
// changes somebody else's at once, and the old address is told. To give the
// address of now takes a change back that waits. Errors: Invalid, field
// "email"; Throttled after emailsOfAccount letters in an hour; NotFound,
// Forbidden.
func (u *Users) ChangeEmail(ctx context.Context, who Identity, name, email string) (pending bool, err error) {
	defer func() { u.a.Trail.acted(who, actEmailChange, name, err) }()
	if err := u.a.may(ctx, who, actEmailChange, name); err != nil {
		return false, err
	}
	if who.User == name && u.a.SendsMail() {
		return u.askToConfirm(ctx, who, name, email)
	}
	return false, u.setEmail(ctx, name, email, func(acc *account) error {
		if acc.ProfileFixed && !who.Admin {
			return profileKept()
		}
		return nil
	})
}

func profileKept() error { return forbidden("your profile is kept by the administrators; ask them") }

// setEmail changes the address and tells the old one. may judges the account.
func (u *Users) setEmail(ctx context.Context, name, email string, may func(*account) error) error {
	var before account
	_, err := u.alter(ctx, name, func(acc *account) error {
		before = *acc
		if err := may(acc); err != nil {
			return err
		}
		if email == acc.Email {
			return keystore.ErrSkip
		}
		acc.setEmail(email)
		return acc.check()
	})
	if err == nil {
		u.tellOld(name, before, email)
	}
	return err
}

// setEmail ends what was mailed to the old address or about it, for good:
// also when the account has that address again later.
func (acc *account) setEmail(email string) {
	if acc.Email != email {
		acc.Email = email
		acc.Epochs.Email++
	}
}

// tellOld tells the address that the account had before of the one it has now.
func (u *Users) tellOld(name string, before account, email string) {
	if before.Email != email {
		u.a.tell(name, before, Letter{Kind: LetterEmailChanged, NewEmail: email})
	}
}

// askToConfirm mails a link to the new address of the caller's own account.
func (u *Users) askToConfirm(ctx context.Context, who Identity, name, email string) (pending bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, _, err := u.a.forBond(ctx, &view{a: u.a}, who, name)
	switch {
	case err != nil:
		return false, err
	case acc.ProfileFixed && !who.Admin:
		return false, profileKept()
	case email == acc.Email:
		if err := u.a.rec.emails.Delete(ctx, name); err != nil && !gone(err) {
			return false, storeFailed(err)
		}
		return false, nil
	}
	after := *acc
	if after.Email = email; email == "" {
		return false, invalid("email", "an account that has an e-mail address keeps one; give another")
	} else if err := after.check(); err != nil {
		return false, err
	}
	wait, err := u.a.takeWithin(ctx, "email/"+name, emailsOfAccount, emailWindow)
	if err != nil {
		return false, err
	}
	if wait > 0 {
		return false, tooManyLetters(wait)
	}
	key := newLinkKey()
	rec := emailRecord{
		Hash: u.a.ring().LookupID(lookupEmail, key.Reveal()), UID: acc.UID, Epoch: acc.Epochs.Encrypted, Emails: acc.Epochs.Email,
		Old: acc.Email, New: email, Expires: u.a.now().UTC().Add(emailLinkLife),
	}
	_, err = u.a.rec.emails.Upsert(ctx, name, func(r *emailRecord, expires *time.Time) error {
		*r, *expires = rec, rec.Expires
		return nil
	})
	if err != nil {
		return false, storeFailed(err)
	}
	l := Letter{Kind: LetterEmailConfirm, To: email, User: name, Key: key, Ends: rec.Expires}
	if !u.a.outbox.put(l) {
		return false, tooManyLetters(letterDeadline)
	}
	return true, nil
}

// PendingEmail is the address that waits to be confirmed, and until when; ""
// where none does.
func (u *Users) PendingEmail(ctx context.Context, who Identity, name string) (email string, expires time.Time, err error) {
	if err := u.a.may(ctx, who, actUserShow, name); err != nil {
		return "", time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, _, err := u.a.rec.accounts.Get(ctx, name)
	if gone(err) {
		return "", time.Time{}, notFound("user " + name)
	} else if err != nil {
		return "", time.Time{}, storeFailed(err)
	}
	rec, _, err := u.a.rec.emails.Get(ctx, name)
	if err != nil && !gone(err) {
		return "", time.Time{}, storeFailed(err)
	}
	if err != nil || !rec.waits(&acc, u.a.now()) {
		return "", time.Time{}, nil
	}
	return rec.New, rec.Expires, nil
}

// ConfirmEmail makes the address that waits the caller's own. They come with a
// session, and with the key that was mailed there. NotFound for every key that
// does not work: of somebody else, used, replaced, or ended by its time or a
// change of the password or the address.
func (u *Users) ConfirmEmail(ctx context.Context, who Identity, key Secret) (err error) {
	name := who.User
	defer func() { u.a.Trail.acted(who, actEmailConfirm, name, err) }()
	if err := u.a.may(ctx, who, actEmailConfirm, name); err != nil {
		return err
	}
	if who.Via.Kind != KindSession {
		return forbidden("an e-mail address is confirmed in the browser; sign in and open the link again")
	}
	if len(key.Reveal()) != resetKeyLength {
		return noLink()
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, err := u.a.rec.emails.Get(ctx, name)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if err != nil || rec.Hash != u.a.ring().LookupID(lookupEmail, key.Reveal()) {
		return noLink()
	}
	err = u.setEmail(ctx, name, rec.New, func(acc *account) error {
		if acc.UID != who.uid || !rec.waits(acc, u.a.now()) || acc.ProfileFixed && !who.Admin {
			return noLink()
		}
		return nil
	})
	if err != nil {
		return err
	}
	// It waits no more in any case: the account's address is another.
	if err := u.a.rec.emails.Delete(ctx, name); err != nil && !gone(err) {
		u.a.c.Log.Debug("a confirmed address was not taken off those that wait", "error", err)
	}
	return nil
}
