package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

const forgotPath = "/ui/forgot"

// forgotPage asks for the name of whoever forgot their password. What it says
// afterwards is the same for every name.
type forgotPage struct {
	frame
	Off  bool // no links are mailed here
	Sent bool
	Form form
}

func (p *Pages) forgotPage() forgotPage {
	return forgotPage{
		frame: p.frame("Forgot your password?", auth.Identity{}), Off: !p.auth.Passwords.MailsLinks(),
		Form: form{
			Action: forgotPath, Button: "Send me a link",
			Fields: []field{{Name: "username", Label: "Name", Complete: "username", Required: true, Max: auth.MaxName, Focus: true}},
		},
	}
}

// ShowForgot is GET /ui/forgot.
func (p *Pages) ShowForgot(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	page := p.forgotPage()
	if !page.Off {
		page.Notice = noticeOf(r)
		page.Sent = page.Notice != ""
	}
	return p.write(w, http.StatusOK, "forgot", page)
}

// Forgot is POST /ui/forgot.
func (p *Pages) Forgot(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page := p.forgotPage()
	values, err := readForm(w, r, page.Form.names()...)
	if err != nil {
		return err
	}
	if values.Get("username") == "" {
		err = invalid("username", "the name is missing")
	} else {
		err = p.auth.Passwords.Forgot(r.Context(), who.Peer, values.Get("username"))
	}
	if err == nil {
		return p.done(w, forgotPath, "forgot-sent")
	}
	f, status, ok := p.refused(w, who, page.Form, err, values)
	if !ok {
		return err
	}
	page.Form = f
	return p.write(w, status, "forgot", page)
}
