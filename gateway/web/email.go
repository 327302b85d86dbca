package web

import (
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// emailKey is the name of the key in a link that confirms an address.
const emailKey = "key"

// emailPage asks the signed-in owner to confirm an address.
type emailPage struct {
	frame
	Old, New string
	Ends     moment
	Form     form
}

// emailLink is a link that confirms an address, as a place to go on to.
func emailLink(key string) string { return withQuery(emailPath, url.Values{emailKey: {key}}) }

// ShowEmail is GET /ui/email?key=…. It changes nothing. Who is not signed in
// signs in first.
func (p *Pages) ShowEmail(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	key := r.URL.Query().Get(emailKey)
	if who.Via.Kind != auth.KindSession {
		return p.goTo(w, SignIn(emailLink(key)))
	}
	email, ends, err := p.auth.Users.PendingEmail(r.Context(), who, who.User)
	if err != nil {
		return err
	}
	if email == "" {
		return p.emailGone(w, who)
	}
	return p.write(w, http.StatusOK, "email", emailPage{
		frame: p.frame("Confirm your e-mail address", who), Old: who.Email, New: email, Ends: p.moment(ends),
		Form: form{Action: emailPath, Button: "Confirm address", Hidden: []hidden{{emailKey, key}}},
	})
}

// emailGone says that nothing waits for who with that link.
func (p *Pages) emailGone(w http.ResponseWriter, who auth.Identity) error {
	return p.write(w, http.StatusNotFound, "link", linkPage{
		frame: p.frame("This link is not for "+who.User+", or has ended", who),
		Said: []string{
			"You are signed in as " + who.User + ". If the link was mailed for another account of yours, sign out, sign in as that one, and open the link again.",
			"Otherwise it was used already, is older than a day, or was replaced by a newer one, or the password has changed since. Enter the new address once more in your account.",
		},
		Path: accountPath, Name: "Go to your account",
	})
}

// ConfirmEmail is POST /ui/email.
func (p *Pages) ConfirmEmail(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := readForm(w, r, emailKey)
	if err != nil {
		return err
	}
	key := values.Get(emailKey)
	if who.Via.Kind != auth.KindSession { // it ended while the page lay open
		return p.goTo(w, SignIn(emailLink(key)))
	}
	err = p.auth.Users.ConfirmEmail(r.Context(), who, auth.NewSecret(key))
	switch auth.CodeOf(err) {
	case "":
		return p.done(w, accountPath, "email-confirmed")
	case auth.NotFound:
		return p.emailGone(w, who)
	}
	return err
}
