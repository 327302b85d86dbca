package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// resetPath is where a link to choose a password leads.
const resetPath = "/ui/reset"

// madeLink shows a link to choose a password, once.
type madeLink struct {
	frame
	Of, Back string // the account, and its page
	Added    bool   // it has just been made
	Link     secret
	Ends     moment
}

func (p *Pages) askResetLink(r *http.Request, who auth.Identity) (auth.User, confirmPage, error) {
	user, err := p.userOf(r, who)
	if err != nil {
		return auth.User{}, confirmPage{}, err
	}
	page := confirmPage{
		frame: p.admin("Make a reset link for "+user.Name+"?", r, who, "Users"),
		Said: []string{
			"Whoever opens the link chooses the password of this account, once, within 24 hours. Hand it over so that nobody else reads it. A link that was made here before stops working.",
			"The password that there is goes on until the link is used. Then it ends with all sessions, and so do the API key, tokens, SSH keys, linked accounts and upstream credentials, unless the person says that they only forgot it.",
		},
		Form: form{Action: userActPath(user.Name, string(resetLink)), Button: "Make link", Cancel: userPath(user.Name), Hidden: []hidden{once()}},
	}
	return user, page, nil
}

// AskResetLink is GET /ui/admin/users/{user}/reset-link.
func (p *Pages) AskResetLink(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	_, page, err := p.askResetLink(r, who)
	if err != nil {
		return err
	}
	return p.confirm(w, http.StatusOK, page)
}

// MakeResetLink is POST /ui/admin/users/{user}/reset-link. The answer is the
// only page that shows the link.
func (p *Pages) MakeResetLink(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	user, page, err := p.askResetLink(r, who)
	if err != nil {
		return err
	}
	values, err := readForm(w, r, page.Form.names()...)
	if err != nil {
		return err
	}
	if !page.Lock.Open {
		return p.refusedConfirm(w, who, page, &auth.Error{Code: auth.Locked}, values)
	}
	switch err := p.auth.Sessions.Once(r.Context(), who, values.Get(onceField)); {
	case auth.CodeOf(err) == auth.Exists:
		return p.linkShownBefore(w, r, who, user.Name)
	case err != nil:
		return p.refusedConfirm(w, who, page, err, values)
	}
	link, err := p.auth.Passwords.ResetLink(r.Context(), who, user.Name)
	if err != nil {
		return p.refusedConfirm(w, who, page, err, values)
	}
	return p.showLink(w, madeLink{frame: p.admin("Reset link for "+user.Name, r, who, "Users")}, link)
}

// linkForNew shows the link with which somebody new chooses the first
// password. Where none can be made the account is there all the same, and its
// page offers to make one.
func (p *Pages) linkForNew(w http.ResponseWriter, r *http.Request, who auth.Identity, user auth.User) error {
	link, err := p.auth.Passwords.ResetLink(r.Context(), who, user.Name)
	if err != nil {
		return p.done(w, userPath(user.Name), "user-added")
	}
	return p.showLink(w, madeLink{frame: p.admin(user.Name+" is added", r, who, "Users"), Added: true}, link)
}

func (p *Pages) showLink(w http.ResponseWriter, page madeLink, link auth.ResetLink) error {
	page.Of, page.Back = link.User, userPath(link.User)
	page.Link = secret{ID: "link", Label: "Link to choose a password", Text: ResetURL(p.public, link.User, link.Key)}
	page.Ends = p.moment(link.Expires)
	return p.write(w, http.StatusOK, "madelink", page)
}

// linkShownBefore answers a form that was sent once already.
func (p *Pages) linkShownBefore(w http.ResponseWriter, r *http.Request, who auth.Identity, name string) error {
	return p.write(w, http.StatusConflict, "told", toldPage{
		frame: p.admin("This form was sent before", r, who, "Users"),
		Said: []string{
			"A link that it made was shown then, and cannot be shown again: nobody keeps it. Nothing was made now.",
			"If you did not copy it, make another; the one before stops working then.",
		},
		On: []place{{Name: "Make another link", Path: userActPath(name, string(resetLink))}, {Name: "Go to " + name, Path: userPath(name)}},
	})
}
