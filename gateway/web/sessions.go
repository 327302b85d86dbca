package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// Addresses of the sessions.
const (
	sessionsPath    = profilePath + "/sessions"
	endSessionPath  = sessionsPath + "/end"
	endSessionsPath = sessionsPath + "/end-others"
)

// sessionsPage is where the person is signed in.
type sessionsPage struct {
	frame
	Problem  string
	Sessions []sessionRow
	Pager    pager
	Others   bool // there is one beside this
}

// sessionRow is one browser that is signed in.
type sessionRow struct {
	ID                string
	Current           bool
	Client, Addr      string // empty: not known
	Through           string // the provider; empty: with the password
	Begun, Used, Ends moment
}

// ShowSessions is GET /ui/profile/sessions.
func (p *Pages) ShowSessions(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.listSessions(w, r, http.StatusOK, who, "")
}

func (p *Pages) listSessions(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, problem string) error {
	all, err := p.auth.Sessions.List(r.Context(), who, who.User)
	if err != nil {
		return err
	}
	page := sessionsPage{frame: p.profile("Sessions", r, who, "Sessions"), Problem: problem}
	for _, s := range all {
		page.Others = page.Others || !s.Current
	}
	shown, pager := paged(r, currentFirst(all), sessionsPath, "")
	page.Pager = pager
	for _, s := range shown {
		page.Sessions = append(page.Sessions, sessionRow{
			ID: s.ID, Current: s.Current, Client: ClientWords(s.LastUsed.Client), Addr: s.LastUsed.Addr, Through: p.through(s),
			Begun: p.moment(s.Created), Used: p.moment(s.LastUsed.At), Ends: p.moment(s.Expires),
		})
	}
	return p.write(w, status, "sessions", page)
}

// through is what people call the provider of a session; empty: none.
func (p *Pages) through(s auth.SessionInfo) string {
	if s.Provider == "" {
		return ""
	}
	return p.titleOf(s.Provider)
}

// currentFirst puts the session that the person is here with before the rest.
func currentFirst(all []auth.SessionInfo) []auth.SessionInfo {
	out := make([]auth.SessionInfo, 0, len(all))
	for _, current := range []bool{true, false} {
		for _, s := range all {
			if s.Current == current {
				out = append(out, s)
			}
		}
	}
	return out
}

// refusedSessions is the list with what was refused above it.
func (p *Pages) refusedSessions(w http.ResponseWriter, r *http.Request, who auth.Identity, err error) error {
	if auth.CodeOf(err) == auth.NotFound {
		return p.done(w, sessionsPath, "session-gone")
	}
	pr, ok := p.problemAbove(w, err)
	if !ok {
		return err
	}
	return p.listSessions(w, r, pr.status, lockedBy(who, err), pr.Text)
}

// EndSession is POST /ui/profile/sessions/end. The session that the person is
// here with ends by signing out.
func (p *Pages) EndSession(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, "session")
	if err != nil {
		return err
	}
	if err := p.auth.Sessions.Revoke(r.Context(), who, form.Get("session")); err != nil {
		return p.refusedSessions(w, r, who, err)
	}
	return p.done(w, sessionsPath, "session-ended")
}

// AskEndSessions is GET /ui/profile/sessions/end-others.
func (p *Pages) AskEndSessions(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	all, err := p.auth.Sessions.List(r.Context(), who, who.User)
	if err != nil {
		return err
	}
	others := 0
	for _, s := range all {
		if !s.Current {
			others++
		}
	}
	if others == 0 {
		return p.goTo(w, sessionsPath)
	}
	return p.confirm(w, http.StatusOK, confirmPage{
		frame: p.profile("End all other sessions?", r, who, "Sessions"),
		Said: []string{
			"You stay signed in here and are signed out in every other browser (" + plural(others, "session") + "). What is typed there and not saved is lost.",
			"Your API key, tokens and SSH keys go on working. If you think that somebody knows your password, change it as well.",
		},
		Form: form{Action: endSessionsPath, Button: "End all other sessions", Danger: true, Cancel: sessionsPath},
	})
}

// EndSessions is POST /ui/profile/sessions/end-others.
func (p *Pages) EndSessions(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if err := p.auth.Sessions.RevokeAll(r.Context(), who, who.User); err != nil {
		return p.refusedSessions(w, r, who, err)
	}
	return p.done(w, sessionsPath, "sessions-ended")
}
