package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Paths of pages that others lead to.
const (
	HomePath    = "/ui/"
	LoginPath   = "/ui/login"
	NextInQuery = "next"

	stylePath   = "/ui/style.css"
	scriptPath  = "/ui/app.js"
	profilePath = "/ui/profile"
	adminPath   = "/ui/admin"
)

// frame is what every page shows.
type frame struct {
	Title  string
	User   string       // empty: nobody is signed in
	Admin  bool         // show the way to the administration
	Origin string       // of the links; empty on our own host
	Inline template.CSS // in place of the style sheet, where that cannot be loaded
	Style  string
	Script string
	Onward string // another site that the page goes on to by itself; empty: none

	Area   string  // what the side list is of: "Profile" or "Administration"
	Side   []place // the side list; empty: none
	Lock   lock    // of the session, on pages that it matters to
	Notice string  // what has just been done
}

// place is one line of the side list.
type place struct {
	Name, Path string
	Here       bool
}

var profilePlaces = []place{
	{Name: "Credentials", Path: profilePath},
	{Name: "SSH keys", Path: profilePath + "/ssh"},
	{Name: "Linked accounts", Path: profilePath + "/accounts"},
	{Name: "Upstreams", Path: profilePath + "/upstreams"},
	{Name: "Sessions", Path: profilePath + "/sessions"},
	{Name: "Activity", Path: profilePath + "/activity"},
	{Name: "Account", Path: profilePath + "/account"},
}

var adminPlaces = []place{
	{Name: "Users", Path: adminPath + "/users"},
	{Name: "Groups", Path: adminPath + "/groups"},
	{Name: "API keys", Path: adminPath + "/keys"},
	{Name: "Audit", Path: adminPath + "/audit"},
	{Name: "Policies", Path: adminPath + "/policies"},
	{Name: "Health", Path: adminPath + "/health"},
}

// frame is that of a page without a side list.
func (p *Pages) frame(title string, who auth.Identity) frame {
	return frame{
		Title: title, User: who.User, Admin: who.Admin,
		Style: stylePath + "?" + p.style.tag, Script: scriptPath + "?" + p.script.tag,
	}
}

// profile is the frame of a page of the person's own; at is its place in the
// side list.
func (p *Pages) profile(title string, r *http.Request, who auth.Identity, at string) frame {
	return p.sided(title, r, who, "Profile", profilePlaces, at)
}

// admin is the frame of a page of the administration. Unlocking comes back to
// the very page, whose query says what it is about and is never secret.
func (p *Pages) admin(title string, r *http.Request, who auth.Identity, at string) frame {
	f := p.sided(title, r, who, "Administration", adminPlaces, at)
	f.Lock.Next = withoutNotice(r.URL)
	return f
}

// withoutNotice is the address of a page without what was done before it was
// shown.
func withoutNotice(u *url.URL) string {
	query := u.Query()
	query.Del(doneInQuery)
	return withQuery(u.EscapedPath(), query)
}

// withQuery is the address of a page that is asked something.
func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func (p *Pages) sided(title string, r *http.Request, who auth.Identity, area string, places []place, at string) frame {
	f := p.frame(title, who)
	f.Area, f.Side = area, make([]place, len(places))
	for i, l := range places {
		l.Here = l.Name == at
		f.Side[i] = l
		if l.Here {
			f.Lock = p.lockOf(who, l.Path)
		}
	}
	if r.Method == http.MethodGet {
		f.Notice = noticeOf(r)
		f.Lock.Next = r.URL.EscapedPath()
	}
	return f
}

// doneInQuery names what has just been done, for the page that is shown next.
const doneInQuery = "done"

// noticeOf is what the address says has just been done. A link of another site
// does not get to say it.
func noticeOf(r *http.Request) string {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return ""
	}
	return notices[r.URL.Query().Get(doneInQuery)]
}

// done sends the browser on to path, where the notice of that name is shown.
func (p *Pages) done(w http.ResponseWriter, path, notice string) error {
	if _, known := notices[notice]; !known {
		panic("web: no notice " + notice)
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return p.goTo(w, path+sep+doneInQuery+"="+notice)
}

// goneTo is done where err says that what a page is about is not there any
// more: another tab may have ended it. Else it is err.
func (p *Pages) goneTo(w http.ResponseWriter, err error, path, notice string) error {
	if auth.CodeOf(err) == auth.NotFound {
		return p.done(w, path, notice)
	}
	return err
}

// lock is the state of a session: locked until the person proves again who
// they are.
type lock struct {
	Open    bool
	Always  bool      // when Open: it is as long as the session
	Able    bool      // the person can unlock with a password
	Again   *way      // or by signing in there afresh; nil: not so
	Unable  string    // why neither
	Until   time.Time // when Open
	Left    string    // when Open: as 9:41
	Seconds int       // when Open
	Next    string    // the page to come back to
	Problem string    // why unlocking failed
}

// way is how somebody gets to a provider.
type way struct{ Name, Path string } // as people call it; where it begins

func (p *Pages) lockOf(who auth.Identity, next string) lock {
	l := lock{Able: who.Unlockable, Next: next, Always: who.UnlockBy == auth.UnlockOpen}
	switch {
	case who.UnlockBy == auth.UnlockAgain && p.logins != nil:
		l.Again = &way{Name: p.titleOf(who.Provider), Path: startPath(who.Provider)}
	case l.Able:
	case who.Provider != "":
		l.Unable = "You signed in through " + p.titleOf(who.Provider) + ", and your account has no password here that could unlock this page."
	default:
		l.Unable = "Your account has no password that could unlock this page."
	}
	if left := who.UnlockedUntil.Sub(p.now()); left > 0 {
		l.Open, l.Until = true, who.UnlockedUntil.UTC()
		l.Seconds = int(left / time.Second)
		l.Left = countdown(left)
	}
	return l
}

// Person lets only a person in with a browser session; other credentials are
// for programs, which have the API.
func Person(h Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		if who.Via.Kind != auth.KindSession {
			return &auth.Error{Code: auth.Forbidden, Reason: "the pages are for people who signed in with a browser; programs use the API at /-/api/v1"}
		}
		return h(w, r, who)
	}
}

// Admin is Person for administrators alone. What they may not do, auth refuses
// once more.
func Admin(h Handler) Handler {
	return Person(func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		if !who.Admin {
			return &auth.Error{Code: auth.Forbidden, Reason: "these pages are for administrators"}
		}
		return h(w, r, who)
	})
}

// Home is GET /ui/.
func (p *Pages) Home(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return p.goTo(w, profilePath)
}

// Begin is GET / where no route lies, and GET /ui.
func (p *Pages) Begin(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return p.goTo(w, HomePath)
}
