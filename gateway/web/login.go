package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

// One text for every reason, so that a stranger learns nothing from it.
const notSignedIn = "The name or the password is not right. Check both and try again."

// loginPage is what the sign-in page shows.
type loginPage struct {
	frame
	Next, Typed, Problem string
	Remember             bool
	Waits                string // what waits until the person has signed in
	Forgot               bool   // offer to choose a new password by mail
	Ways                 []way  // providers to sign in through
}

// loginPage is the page that leads on to next.
func (p *Pages) loginPage(next string) loginPage {
	page := loginPage{frame: p.frame("Sign in", auth.Identity{}), Next: next, Forgot: p.auth.Passwords.MailsLinks()}
	for _, provider := range p.providers() {
		page.Ways = append(page.Ways, way{Name: p.titleOf(provider.Name), Path: signInAt(provider.Name, next)})
	}
	switch {
	case strings.HasPrefix(next, programPath("")):
		page.Waits = "A program waits for you to sign in. You are asked next whether to let it in."
	case strings.HasPrefix(next, emailPath+"?"):
		page.Waits = "Sign in to confirm your new e-mail address."
	}
	return page
}

// ShowLogin is GET /ui/login. A browser that is signed in already goes on; one
// with a cookie that no longer means anything loses it. With a program that
// waits to be let in it goes on to the question whether it may.
func (p *Pages) ShowLogin(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	query := r.URL.Query()
	next := OwnPath(query.Get(NextInQuery))
	if query.Has(jfrog.WebLoginQuery) {
		id, ok := jfrog.WebLoginID(query.Get(jfrog.WebLoginQuery))
		switch {
		case !ok:
			return p.tellOfProgram(w, http.StatusBadRequest, who, brokenLink)
		case who.Via.Kind == auth.KindSession:
			return p.askAboutProgram(w, r, who, id)
		}
		next = programPath(id)
	}
	if who.Via.Kind == auth.KindSession {
		return p.goTo(w, next)
	}
	p.sessions.Forget(w, r)
	page := p.loginPage(next)
	page.Notice = noticeOf(r)
	return p.write(w, http.StatusOK, "login", page)
}

// SignIn is POST /ui/login.
func (p *Pages) SignIn(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, "username", "password", "remember", NextInQuery)
	if err != nil {
		return err
	}
	next := OwnPath(form.Get(NextInQuery))
	remember := form.Get("remember") == "1"
	err = p.sessions.Begin(w, r, who, form.Get("username"), auth.NewSecret(form.Get("password")), remember)
	if err == nil {
		return p.goTo(w, next)
	}
	page := p.loginPage(next)
	page.Typed, page.Remember = form.Get("username"), remember
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return err
	}
	switch refusal.Code {
	case auth.Unauthenticated, auth.Repeated, auth.Invalid, auth.Forbidden, auth.NotFound:
		page.Problem = notSignedIn
		// Not 401: that demands a challenge, at which browsers ask by themselves.
		return p.write(w, http.StatusForbidden, "login", page)
	case auth.Expired:
		if p.auth.Policy().KeepPasswords {
			page.Problem = passwordExpired
			return p.write(w, p.statusOf(refusal.Code), "login", page)
		}
		return p.askForNew(w, page.Typed)
	case auth.Throttled:
		page.Problem = tooManyAttempts(w, refusal)
		return p.write(w, p.statusOf(refusal.Code), "login", page)
	case auth.Unavailable:
		page.Problem = "Signing in does not work at the moment. Try again in a minute."
		return p.write(w, p.statusOf(refusal.Code), "login", page)
	}
	return err
}

// SignOut is POST /ui/logout. Where the session was begun through a provider
// with a sign-out of its own, a page offers that as well: nobody is signed out
// elsewhere unasked.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	provider, idToken := p.elsewhereOf(r, who)
	if err := p.sessions.End(w, r, who); err != nil {
		return err
	}
	if provider == "" {
		return p.goTo(w, LoginPath)
	}
	to, ok := p.logins.Farewell(r.Context(), provider, idToken, p.public.Scheme+"://"+p.public.Host+LoginPath)
	if !ok {
		return p.goTo(w, LoginPath)
	}
	title := p.titleOf(provider)
	return p.write(w, http.StatusOK, "signedout", signedOutPage{
		frame: p.frame("You are signed out here", auth.Identity{}), Name: title, Path: to,
	})
}

// signedOutPage offers to sign out at the provider too.
type signedOutPage struct {
	frame
	Name, Path string // of the provider
}

// elsewhereOf is the provider of the session that is about to end, and what it
// is told then. Not to know it keeps nobody from signing out.
func (p *Pages) elsewhereOf(r *http.Request, who auth.Identity) (provider string, idToken auth.Secret) {
	if p.logins == nil || who.Via.Kind != auth.KindSession || who.Provider == "" {
		return "", auth.Secret{}
	}
	provider, idToken, err := p.auth.Sessions.Farewell(r.Context(), who)
	if err != nil {
		return "", auth.Secret{}
	}
	return provider, idToken
}
