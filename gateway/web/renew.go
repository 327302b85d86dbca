package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

const renewPath = "/ui/renew"

// renewPage asks whoever signed in with a password that has expired for
// another one.
type renewPage struct {
	frame
	Form form
}

func (p *Pages) renewForm(name string) form {
	return form{
		Action: renewPath, Button: "Change password", Cancel: LoginPath,
		Fields: append([]field{
			{Name: "username", Label: "Name", Value: name, Max: auth.MaxName, Required: true, Complete: "username"},
			{Name: "old", Label: "Password that has expired", Type: "password", Required: true, Complete: "current-password", Focus: true},
		}, p.newPassword(name)...),
	}
}

// askForNew is the answer to signing in with a password that was right and has
// expired. It opens nothing else.
func (p *Pages) askForNew(w http.ResponseWriter, name string) error {
	return p.write(w, http.StatusForbidden, "renew", renewPage{p.frame("Choose a new password", auth.Identity{}), p.renewForm(name)})
}

// Renew is POST /ui/renew.
func (p *Pages) Renew(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	f := p.renewForm("")
	values, err := readForm(w, r, f.names()...)
	if err != nil {
		return err
	}
	if err = sameTwice(values, newField); err == nil {
		err = p.auth.Passwords.Renew(r.Context(), who.Peer, values.Get("username"), auth.NewSecret(values.Get("old")), auth.NewSecret(values.Get(newField)))
	}
	if err == nil {
		return p.done(w, LoginPath, "password-renewed")
	}
	f, status, ok := p.refused(w, who, f, err, values)
	if !ok {
		return err
	}
	return p.write(w, status, "renew", renewPage{p.frame("Choose a new password", auth.Identity{}), f})
}
