package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// passwordField is the name of the field with the current password, of the
// panel that unlocks and of forms that find the profile locked again.
const passwordField = "password"

const unlockPath = profilePath + "/unlock"

// unlockPage is the panel alone, for who asks for it or mistyped.
type unlockPage struct{ frame }

// ShowUnlock is GET /ui/profile/unlock?next=….
func (p *Pages) ShowUnlock(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.unlockPage(w, r, http.StatusOK, who, r.URL.Query().Get(NextInQuery), "")
}

func (p *Pages) unlockPage(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, next, problem string) error {
	page := unlockPage{p.profile("Unlock your profile", r, who, "")}
	page.Lock = p.lockOf(who, next)
	page.Lock.Problem = problem
	return p.write(w, status, "unlock", page)
}

// Unlock is POST /ui/profile/unlock.
func (p *Pages) Unlock(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, passwordField, NextInQuery)
	if err != nil {
		return err
	}
	next := form.Get(NextInQuery)
	_, err = p.auth.Sessions.Unlock(r.Context(), who, auth.NewSecret(form.Get(passwordField)))
	if err == nil {
		return p.goTo(w, p.back(next))
	}
	pr, ok := p.problemOf(w, err)
	if !ok {
		return err
	}
	return p.unlockPage(w, r, pr.status, who, next, pr.Text)
}

// LockNow is POST /ui/profile/lock.
func (p *Pages) LockNow(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, NextInQuery)
	if err != nil {
		return err
	}
	if err := p.auth.Sessions.Lock(r.Context(), who); err != nil {
		return err
	}
	return p.done(w, p.back(form.Get(NextInQuery)), "locked")
}

// back is a page of ours to come back to: the profile, where next is none.
func (p *Pages) back(next string) string {
	if next = OwnPath(next); next == HomePath {
		return profilePath
	}
	if strings.HasPrefix(next, programPath("")) {
		return next // the query says which program
	}
	u, err := url.Parse(next)
	if err != nil {
		return profilePath
	}
	if strings.HasPrefix(u.Path, adminPath+"/") {
		return withoutNotice(u)
	}
	return u.EscapedPath() // what it said in its query is said already
}

// unlockedBy is who after the password that a form brought along, when the
// profile had locked itself while the form was filled in. Without a password
// who stays locked, and what follows is refused.
func (p *Pages) unlockedBy(r *http.Request, who auth.Identity, form url.Values) (auth.Identity, error) {
	if !form.Has(passwordField) || p.now().Before(who.UnlockedUntil) {
		return who, nil
	}
	session, err := p.auth.Sessions.Unlock(r.Context(), who, auth.NewSecret(form.Get(passwordField)))
	if err != nil {
		return who, err
	}
	who.UnlockedUntil = session.UnlockedUntil
	return who, nil
}

// lockedBy is who after err: where that says so, the profile is locked.
func lockedBy(who auth.Identity, err error) auth.Identity {
	if auth.CodeOf(err) == auth.Locked {
		who.UnlockedUntil = time.Time{}
	}
	return who
}
