package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

// programPath is the page that asks about one program. What else the link held,
// as the name that it gives the program, is not carried on: whoever made the
// link chose it.
func programPath(id string) string { return LoginPath + "?" + jfrog.WebLoginQuery + "=" + id }

// programPage asks a person whether a program may act for them, or, with Said,
// says what became of it.
type programPage struct {
	frame
	Said []string // paragraphs; empty: ask

	ID                           string
	Client, Addr                 string // as the daemon saw them
	Asked, AskedExact            string
	Ends, EndsExact              string
	Locked                       bool   // ask for the password as well
	Unlock                       string // where to unlock first, for who has no password here; empty: not so
	CodeProblem, PasswordProblem string
	Problem                      string // of neither field
}

// outcome is what a page says that asks nothing.
type outcome struct {
	title string
	said  []string
}

var (
	brokenLink = outcome{"This link does not work", []string{
		"It has lost a part on its way. Copy the whole link from the window of the program, or start the program again.",
	}}
	programGone = outcome{"Nothing is waiting here", []string{
		"The program has stopped waiting, was let in already, or the characters were wrong too often.",
		"If you want to let a program in, start its sign-in again: it shows a new link.",
	}}
	programRefused = outcome{"The program was not let in", []string{
		"It gets nothing. If somebody sent you the link, tell an administrator: they wanted to act in your name.",
	}}
	programLetIn = outcome{"The program is in", []string{
		"You can close this page and go back to the program.",
	}}
)

// tellOfProgram is a page that asks nothing.
func (p *Pages) tellOfProgram(w http.ResponseWriter, status int, who auth.Identity, o outcome) error {
	return p.write(w, status, "weblogin", programPage{frame: p.frame(o.title, who), Said: o.said})
}

// askAboutProgram is GET /ui/login?jfClientSession=… of somebody signed in. It
// changes nothing.
func (p *Pages) askAboutProgram(w http.ResponseWriter, r *http.Request, who auth.Identity, id string) error {
	return p.askAgain(w, r, http.StatusOK, who, programPage{ID: id})
}

// askAgain fills in what is known of the program that page is about and shows
// it, or says that it does not wait any more.
func (p *Pages) askAgain(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, page programPage) error {
	login, err := p.auth.WebLogins.Show(r.Context(), who, page.ID)
	if auth.CodeOf(err) == auth.NotFound {
		return p.tellOfProgram(w, http.StatusNotFound, who, programGone)
	} else if err != nil {
		return err
	}
	now := p.now()
	page.frame = p.frame("Let a program in", who)
	page.Client, page.Addr = login.Client, login.Addr
	page.Asked, page.AskedExact = relative(login.Created, now), login.Created.UTC().Format(time.RFC3339)
	page.Ends, page.EndsExact = clock(login.Expires), login.Expires.UTC().Format(time.RFC3339)
	page.Locked = !now.Before(who.UnlockedUntil)
	if page.Locked && !who.Unlockable {
		page.Unlock = unlockPath + "?" + NextInQuery + "=" + url.QueryEscape(programPath(page.ID))
	}
	return p.write(w, status, "weblogin", page)
}

// AnswerProgram is POST /ui/login/client: the person lets the program in, or
// says that it is not theirs. Only a browser session answers.
func (p *Pages) AnswerProgram(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, "program", "answer", "code", "password")
	if err != nil {
		return err
	}
	id, ok := jfrog.WebLoginID(form.Get("program"))
	switch {
	case !ok:
		return p.tellOfProgram(w, http.StatusBadRequest, who, brokenLink)
	case !who.Known(): // the session ended while the page lay open
		return p.goTo(w, SignIn(programPath(id)))
	case who.Via.Kind != auth.KindSession:
		return &auth.Error{Code: auth.Forbidden, Reason: "only a person signed in with a browser lets a program in"}
	}
	switch form.Get("answer") {
	case "yes":
		return p.letIn(w, r, who, id, form.Get("code"), auth.NewSecret(form.Get("password")))
	case "no":
		if err := p.auth.WebLogins.Refuse(r.Context(), who, id); err != nil && auth.CodeOf(err) != auth.NotFound {
			return err
		}
		return p.tellOfProgram(w, http.StatusOK, who, programRefused)
	}
	return invalid("answer", "the answer must be yes or no")
}

// letIn unlocks the session where it is locked and lets the program in.
func (p *Pages) letIn(w http.ResponseWriter, r *http.Request, who auth.Identity, id, code string, password auth.Secret) error {
	page := programPage{ID: id}
	code = strings.ToLower(strings.TrimSpace(code))
	if len(code) != auth.WebLoginCode {
		// A slip, not a guess: it is not counted.
		page.CodeProblem = "Type exactly four characters."
		return p.askAgain(w, r, http.StatusForbidden, who, page)
	}
	var err error
	if !p.now().Before(who.UnlockedUntil) {
		var session auth.SessionInfo
		if session, err = p.auth.Sessions.Unlock(r.Context(), who, password); err == nil {
			who.UnlockedUntil = session.UnlockedUntil
		}
	}
	if err == nil {
		err = p.auth.WebLogins.Approve(r.Context(), who, id, code)
	}
	if err == nil {
		return p.tellOfProgram(w, http.StatusOK, who, programLetIn)
	}
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return err
	}
	status := http.StatusForbidden
	switch refusal.Code {
	case auth.NotFound:
		return p.tellOfProgram(w, http.StatusNotFound, who, programGone)
	case auth.Unauthenticated:
		return p.goTo(w, SignIn(programPath(id)))
	case auth.Locked:
		who.UnlockedUntil = time.Time{}
		page.PasswordProblem = "The page was locked again meanwhile. Type your password."
	case auth.Invalid:
		switch refusal.Field {
		case "code":
			page.CodeProblem = "These are not the characters that the program shows. After five wrong attempts it has to ask again."
		case "password":
			page.PasswordProblem = "The password is not right. Type it again."
		default:
			page.Problem = sentence(refusal.Reason)
		}
	case auth.Expired:
		page.PasswordProblem = passwordExpired
	case auth.Throttled:
		page.Problem = tooManyAttempts(w, refusal)
		status = p.statusOf(refusal.Code)
	case auth.Forbidden:
		page.Problem = sentence(refusal.Reason)
	default:
		return err
	}
	return p.askAgain(w, r, status, who, page)
}
