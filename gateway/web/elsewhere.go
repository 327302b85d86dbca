package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/latchkey-io/latchkey/auth"
)

// ElsewherePath begins the addresses of the ways to providers and back.
const ElsewherePath = "/-/oauth/"

// Logins takes people to providers and back. Errors are of type *auth.Error:
// NotFound where there is no such provider, Invalid for an answer that belongs
// to no attempt of this browser, Forbidden where the provider or our rules say
// no, Unavailable where it does not answer. Every call has its own deadline.
type Logins interface {
	// Begin is where the browser goes to now; what it must bring back with
	// the answer is sealed, under a name of 10 characters of base64url.
	Begin(ctx context.Context, provider string, a auth.Attempt) (to, id, sealed string, err error)
	// Finish verifies the query that a browser came back with. kept reads
	// what Begin gave it.
	Finish(ctx context.Context, provider string, answer url.Values, kept func(id string) (sealed string, ok bool)) (auth.External, auth.Attempt, error)
	// Farewell is where a person signs out at the provider and comes back;
	// ok is false where it has no such place.
	Farewell(ctx context.Context, provider string, idToken auth.Secret, back string) (to string, ok bool)
	// LoggedOut verifies a provider's word that sessions are over (OpenID
	// Connect Back-Channel Logout 1.0 §2.6).
	LoggedOut(ctx context.Context, provider, token string) (auth.ExternalLogout, error)
}

// Attempts is what a browser keeps of the ways to providers that it is on, and
// how many of a source's came to nothing.
type Attempts interface {
	Keep(w http.ResponseWriter, r *http.Request, id, sealed string)
	Kept(r *http.Request, id string) (sealed string, ok bool)
	Drop(w http.ResponseWriter, id string)
	// Failed counts a way that led back with an answer which was not good. Wait
	// is of code Throttled for a source of very many.
	Failed(peer auth.Peer)
	Wait(peer auth.Peer) error
}

// Fields of the form that begins a way to a provider for somebody signed in.
const purposeField = "purpose"

// maxAnswer is how many bytes of query a browser brings back at most.
const maxAnswer = 16 << 10

// startPath begins the way to a provider.
func startPath(provider string) string { return ElsewherePath + url.PathEscape(provider) + "/start" }

// signInAt is startPath to sign in and go on to next.
func signInAt(provider, next string) string {
	if next = OwnPath(next); next == HomePath {
		return startPath(provider)
	}
	return startPath(provider) + "?" + NextInQuery + "=" + url.QueryEscape(next)
}

// providers are those that sign people in, in the order of the configuration.
func (p *Pages) providers() []auth.Provider {
	if p.logins == nil {
		return nil
	}
	return p.auth.Providers()
}

// titleOf is what people call a provider.
func (p *Pages) titleOf(name string) string {
	if known, ok := p.auth.Provider(name); ok {
		return known.Title
	}
	return name
}

// onlyLooks reports a request that no person has made yet, or that takes no
// page: it begins and finishes nothing. Browsers and programs fetch what
// somebody may open next.
func onlyLooks(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return true
	}
	for _, name := range [...]string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if said := strings.ToLower(r.Header.Get(name)); strings.Contains(said, "prefetch") || strings.Contains(said, "preview") {
			return true
		}
	}
	return false
}

// looked answers who only looks.
func (p *Pages) looked(w http.ResponseWriter) error {
	p.guard(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// wholePage refuses what a browser does not show as a page of its own, as a
// frame or an image (RFC 9700 §4.16).
func wholePage(r *http.Request) error {
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		return &auth.Error{Code: auth.Forbidden, Reason: "this address is opened as a page of its own, not inside another; open it in a tab"}
	}
	return nil
}

// StartSignIn is GET /-/oauth/{provider}/start?next=…, a link. Who is signed in
// goes on as who they are: a stranger may have made the link, to sign them out
// or in as somebody else (RFC 9700 §4.7).
func (p *Pages) StartSignIn(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if onlyLooks(r) {
		return p.looked(w)
	}
	attempt := auth.Attempt{Purpose: auth.ToSignIn, Next: OwnPath(r.URL.Query().Get(NextInQuery))}
	if who.Via.Kind == auth.KindSession {
		return p.goTo(w, attempt.Next)
	}
	err := wholePage(r)
	var to string
	if err == nil {
		to, err = p.setOut(w, r, who, attempt)
	}
	if err != nil {
		return p.notThrough(w, r, who, attempt, err)
	}
	return p.goTo(w, to)
}

// setOut begins a way to the provider that the address names.
func (p *Pages) setOut(w http.ResponseWriter, r *http.Request, who auth.Identity, a auth.Attempt) (to string, err error) {
	if p.logins == nil {
		return "", &auth.Error{Code: auth.NotFound, Reason: "nobody can sign in through somebody else here"}
	}
	a.Begun = p.now().UTC()
	provider := r.PathValue("provider")
	to, id, sealed, err := p.logins.Begin(r.Context(), provider, a)
	if err != nil {
		if auth.CodeOf(err) != auth.NotFound {
			p.auth.Trail.ElsewhereFailed(who, provider, a.Purpose, err)
		}
		return "", err
	}
	p.attempts.Keep(w, r, id, sealed)
	return to, nil
}

// onwardPage goes on by itself to another site: a redirect in answer to a form
// would be refused by the browser, for forms go nowhere else (form-action).
type onwardPage struct {
	frame
	Name string // of the other site
}

// Start is POST /-/oauth/{provider}/start of somebody signed in: to link an
// account, or to unlock the profile.
func (p *Pages) Start(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, purposeField, NextInQuery)
	if err != nil {
		return err
	}
	provider := r.PathValue("provider")
	attempt := auth.Attempt{Purpose: auth.Purpose(form.Get(purposeField)), Session: who.Via.ID, Next: p.back(form.Get(NextInQuery))}
	switch attempt.Purpose {
	case auth.ToBind:
		attempt.Next = accountsPath
		if !p.now().Before(who.UnlockedUntil) {
			return p.refusedAccounts(w, r, who, &auth.Error{Code: auth.Locked, Reason: lockedMeanwhile})
		}
	case auth.ToUnlock:
		if who.Provider != provider || who.UnlockBy != auth.UnlockAgain {
			return p.notThrough(w, r, who, attempt, &auth.Error{Code: auth.Forbidden, Reason: "this session is not unlocked by signing in there"})
		}
	default:
		return malformed("the form says no purpose that is known here")
	}
	to, err := p.setOut(w, r, who, attempt)
	if err != nil {
		return p.notThrough(w, r, who, attempt, err)
	}
	page := onwardPage{frame: p.frame("On to "+p.titleOf(provider), who), Name: p.titleOf(provider)}
	page.Onward = to
	return p.write(w, http.StatusOK, "onward", page)
}

// Finish is GET /-/oauth/{provider}/callback, where a provider sends the
// browser back to.
func (p *Pages) Finish(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if onlyLooks(r) {
		return p.looked(w)
	}
	ext, attempt, err := p.finish(w, r, who.Peer)
	if err != nil {
		p.auth.Trail.ElsewhereFailed(who, r.PathValue("provider"), attempt.Purpose, err)
		return p.notThrough(w, r, who, attempt, err)
	}
	// What auth refuses now it has recorded by itself, or it is recorded here.
	var told atomic.Bool
	arrived := who
	arrived.Peer.Told = &told
	err = p.arrive(w, r, arrived, attempt, ext)
	switch {
	case err != nil && !told.Load():
		p.auth.Trail.ElsewhereFailed(who, ext.Provider, attempt.Purpose, err)
	case who.Peer.Told != nil && told.Load():
		who.Peer.Told.Store(true)
	}
	if err != nil {
		return p.notThrough(w, r, who, attempt, err)
	}
	return nil
}

// finish verifies what the browser came back with. A failure counts where the
// browser had set out: no other site can make that up for it.
func (p *Pages) finish(w http.ResponseWriter, r *http.Request, peer auth.Peer) (ext auth.External, attempt auth.Attempt, err error) {
	if p.logins == nil {
		return auth.External{}, auth.Attempt{}, &auth.Error{Code: auth.NotFound, Reason: "nobody can sign in through somebody else here"}
	}
	if err := wholePage(r); err != nil {
		return auth.External{}, auth.Attempt{}, err
	}
	if len(r.URL.RawQuery) > maxAnswer {
		return auth.External{}, auth.Attempt{}, malformed("the answer is too long; try again")
	}
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return auth.External{}, auth.Attempt{}, malformed("the answer cannot be read; try again")
	}
	if err := p.attempts.Wait(peer); err != nil {
		return auth.External{}, auth.Attempt{}, err
	}
	defer func() {
		if err != nil && attempt.Purpose != "" {
			p.attempts.Failed(peer)
		}
	}()
	return p.logins.Finish(r.Context(), r.PathValue("provider"), answer, func(id string) (string, bool) {
		sealed, ok := p.attempts.Kept(r, id)
		if ok {
			p.attempts.Drop(w, id) // whatever comes of it, it has been
		}
		return sealed, ok
	})
}

// arrive does what the way was for, and answers where that is done.
func (p *Pages) arrive(w http.ResponseWriter, r *http.Request, who auth.Identity, a auth.Attempt, ext auth.External) error {
	switch a.Purpose {
	case auth.ToSignIn:
		if err := p.sessions.BeginThrough(w, r, who, ext); err != nil {
			return err
		}
		return p.goOn(w, OwnPath(a.Next))
	case auth.ToBind, auth.ToUnlock:
		if who.Via.Kind != auth.KindSession {
			return &auth.Error{Code: auth.Unauthenticated, Reason: "the session here has ended"}
		}
	}
	switch a.Purpose {
	case auth.ToBind:
		if _, err := p.auth.Bindings.Create(r.Context(), who, a.Session, ext); err != nil {
			return err
		}
		return p.goOn(w, accountsPath+"?"+doneInQuery+"="+accountLinked)
	case auth.ToUnlock:
		if _, err := p.auth.Sessions.UnlockThrough(r.Context(), who, a, ext); err != nil {
			return err
		}
		return p.goOn(w, p.back(a.Next))
	}
	return &auth.Error{Code: auth.Internal, Reason: "the way was for nothing that is known here"}
}

// goOn is goTo with nothing of the present address: browsers carry a fragment
// on to a place that has none of its own (RFC 9110 §10.2.2).
func (p *Pages) goOn(w http.ResponseWriter, path string) error { return p.goTo(w, path+"#") }
