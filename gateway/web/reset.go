package web

import (
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// Names in a link to choose a password, and of the fields that carry it on.
const (
	resetUser = "user"
	resetKey  = "key"
	keepField = "keep"
)

// resetPage lets whoever has the link choose a password.
type resetPage struct {
	frame
	Of   string // the account
	Ends moment // of the link
	Lost []string
	Form form
}

// linkPage says that a link does not work, and what to do.
type linkPage struct {
	frame
	Said       []string // paragraphs
	Path, Name string   // where to go on
}

// ShowReset is GET /ui/reset?user=…&key=…. It uses nothing up.
func (p *Pages) ShowReset(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	query := r.URL.Query()
	return p.reset(w, r, http.StatusOK, who, query.Get(resetUser), query.Get(resetKey), func(f form) form { return f })
}

// reset asks for the password; change is what became of the form so far.
func (p *Pages) reset(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, user, key string, change func(form) form) error {
	view, err := p.auth.Passwords.ShowReset(r.Context(), who.Peer, user, auth.NewSecret(key))
	if auth.CodeOf(err) == auth.NotFound {
		return p.resetGone(w)
	} else if err != nil {
		return err
	}
	page := resetPage{
		frame: p.frame("Choose a new password", auth.Identity{}), Of: view.User, Ends: p.moment(view.Expires), Lost: lost(view.Ends),
	}
	page.Form = change(p.resetForm(view.User, key, len(page.Lost) > 0))
	return p.write(w, status, "reset", page)
}

func (p *Pages) resetForm(user, key string, keep bool) form {
	f := form{
		Action: resetPath, Button: "Set password",
		Fields: p.newPassword(user),
		Hidden: []hidden{{resetUser, user}, {resetKey, key}},
	}
	if keep {
		f.Fields = append(f.Fields, field{
			Name: keepField, Label: "I only forgot it: keep these", Type: "check",
			Hint: "Leave this empty if somebody else may know the password, or has used your account.",
		})
	}
	return f
}

// lost is what a new password ends, unless the person keeps it.
func lost(e auth.Ending) []string {
	var all []string
	if e.APIKey {
		all = append(all, "your API key")
	}
	for _, l := range []struct {
		n    int
		noun string
	}{{e.Tokens, "token"}, {e.SSHKeys, "SSH key"}, {e.Bindings, "linked account"}, {e.Upstreams, "upstream credential"}} {
		if l.n > 0 {
			all = append(all, plural(l.n, l.noun))
		}
	}
	return all
}

func (p *Pages) resetGone(w http.ResponseWriter) error {
	page := linkPage{
		frame: p.frame("This link does not work", auth.Identity{}),
		Said:  []string{"It works once and for a short time, and ends when the password or the e-mail address changes. It may also have lost a part on its way: copy the whole of it."},
		Path:  forgotPath, Name: "Ask for a new link",
	}
	if !p.auth.Passwords.MailsLinks() {
		page.Said = append(page.Said, "Ask an administrator for a new one.")
		page.Path, page.Name = LoginPath, "Go to sign in"
	}
	return p.write(w, http.StatusNotFound, "link", page)
}

// Reset is POST /ui/reset. It leads to the sign-in page: nobody is signed in
// by a link.
func (p *Pages) Reset(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := readForm(w, r, resetUser, resetKey, newField, againField, keepField)
	if err != nil {
		return err
	}
	user, key := values.Get(resetUser), values.Get(resetKey)
	if err = sameTwice(values, newField); err == nil {
		err = p.auth.Passwords.Reset(r.Context(), who.Peer, user, auth.NewSecret(key), auth.NewSecret(values.Get(newField)), values.Get(keepField) == "1")
	}
	switch auth.CodeOf(err) {
	case "":
		return p.done(w, LoginPath, "password-renewed")
	case auth.NotFound:
		return p.resetGone(w)
	}
	return p.resetAgain(w, r, who, user, key, values, err)
}

// resetAgain is the page with what was wrong, as long as the link works.
func (p *Pages) resetAgain(w http.ResponseWriter, r *http.Request, who auth.Identity, user, key string, values url.Values, err error) error {
	pr, ok := p.problemOf(w, err)
	if !ok {
		return err
	}
	return p.reset(w, r, pr.status, who, user, key, func(f form) form {
		f, _, _ = p.refused(w, who, f, err, values)
		return f
	})
}
