package auth

import (
	"context"
	"time"
)

// LetterKind says what a letter tells.
type LetterKind string

const (
	LetterReset           LetterKind = "reset"            // how to choose a new password: Key, Ends
	LetterEmailConfirm    LetterKind = "email_confirm"    // to a new address: how to make it the account's: Key, Ends
	LetterEmailChanged    LetterKind = "email_changed"    // to the old address: it is not the account's any more: NewEmail
	LetterPasswordChanged LetterKind = "password_changed" // that it was
)

// Letter is one mail to one person. It has nothing in it that somebody chose
// freely: whoever asks for a letter to a foreign address must not be able to
// write in it, so the display name stays away.
type Letter struct {
	Kind     LetterKind
	To       string // one address, without a name
	User     string // whose account it is about
	Key      Secret // of 43 characters of base64url
	Ends     time.Time
	NewEmail string
}

// Mailer sends letters. Whoever implements it
//
//   - hands the letter over once, to l.To alone, and answers nil when the mail
//     server has taken it, whatever happens to the connection afterwards;
//   - returns soon after ctx ends, which is at most letterDeadline away;
//   - logs nothing, and names neither the address nor the key in an error: that
//     is logged;
//   - makes links from the configured public URL alone.
//
// Letters are sent one at a time, but a Mailer that was replaced may still be
// at its last one.
type Mailer interface {
	Send(ctx context.Context, l Letter) error
}

// SetMailer replaces who sends mail, while running; nil: nobody does.
func (a *Authority) SetMailer(m Mailer) {
	if m == nil {
		a.mailer.Store(nil)
		return
	}
	a.mailer.Store(&m)
}

// SendsMail reports whether there is a mailer.
func (a *Authority) SendsMail() bool { return a.mailer.Load() != nil }

// tell puts a letter about the account acc, of that name, into the outbox,
// when mail is sent at all. To is the account's address where it is empty.
func (a *Authority) tell(name string, acc account, l Letter) {
	if l.User = name; l.To == "" {
		l.To = acc.Email
	}
	if l.To == "" || !a.SendsMail() {
		return
	}
	a.outbox.tell(l)
}

// passwordChanged tells everybody who wants to know, after the fact.
func (a *Authority) passwordChanged(name string, acc account) {
	if a.c.PasswordChanged != nil {
		a.c.PasswordChanged(name)
	}
	a.tell(name, acc, Letter{Kind: LetterPasswordChanged})
}
