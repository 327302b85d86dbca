package gateway

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

//go:embed web
var web embed.FS

const (
	// pagePolicy lets a page load its own style and send forms to its own
	// origin, and nothing else; no page of ours needs a script.
	pagePolicy = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

	// strictTransport is a year of https alone (RFC 6797), for this host only:
	// what other hosts of the domain do is not ours to say.
	strictTransport = "max-age=31536000"

	styleLife = "public, max-age=86400"

	// One text for every reason, so that a stranger learns nothing from it.
	notSignedIn = "The name or the password is not right. Check both and try again."

	passwordExpired = "Your password has expired. Ask an administrator for a new one."
)

// pages are what a person sees: signing in, and what to do next. They are made
// on the server, work without scripts and load nothing from elsewhere.
type pages struct {
	api    *api
	public *url.URL
	login  *template.Template
	home   *template.Template
	client *template.Template // of web login
	style  []byte
	tag    string // of style, for its address and ETag

	// referrer is the policy of that name. no-referrer makes browsers send
	// forms with "Origin: null"; where they also leave out Sec-Fetch-Site, as
	// over http from another machine, nothing would tell such a form from one
	// of another site. strict-origin tells the origin and no path.
	referrer string
}

// newPages reads the templates, which are part of the program.
func newPages(a *api, public *url.URL) *pages {
	style := readStyle()
	sum := sha256.Sum256(style)
	referrer := "no-referrer"
	if public.Scheme == "http" && !isLoopback(strings.ToLower(public.Hostname())) {
		referrer = "strict-origin"
	}
	return &pages{
		api: a, public: public, login: readPage("login.html"), home: readPage("home.html"), client: readPage("weblogin.html"),
		style: style, tag: base64.RawURLEncoding.EncodeToString(sum[:9]), referrer: referrer,
	}
}

func readStyle() []byte {
	style, err := web.ReadFile("web/style.css")
	if err != nil {
		panic(err)
	}
	return style
}

func readPage(name string) *template.Template {
	return template.Must(template.ParseFS(web, "web/layout.html", "web/"+name)).Lookup(name)
}

// frame is what every page shows.
type frame struct {
	Title, Style string
	User         string       // empty: nobody is signed in
	Origin       string       // of the links; empty on our own host
	Inline       template.CSS // in place of Style, where that cannot be loaded
}

func (p *pages) frame(title string, who auth.Identity) frame {
	return frame{Title: title, Style: stylePath + "?" + p.tag, User: who.User}
}

// loginPage is what the sign-in page shows.
type loginPage struct {
	frame
	Next, Typed, Problem string
	Remember             bool
}

// showLogin is GET /ui/login. A browser that is signed in already goes on; one
// with a cookie that no longer means anything loses it. With a program that
// waits to be let in it goes on to the question whether it may.
func (p *pages) showLogin(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	query := r.URL.Query()
	next := ownPath(query.Get(nextInQuery))
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
	if len(r.CookiesNamed(p.api.cookie.name)) > 0 {
		p.api.cookie.clear(w)
	}
	return p.write(w, http.StatusOK, p.login, loginPage{frame: p.frame("Sign in", auth.Identity{}), Next: next})
}

// signIn is POST /ui/login.
func (p *pages) signIn(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	form, err := readForm(w, r, "username", "password", "remember", nextInQuery)
	if err != nil {
		return err
	}
	next := ownPath(form.Get(nextInQuery))
	_, err = p.api.begin(w, r, who, signInBody{
		Username: form.Get("username"),
		Password: auth.NewSecret(form.Get("password")),
		Remember: form.Get("remember") == "1",
	})
	if err == nil {
		return p.goTo(w, next)
	}
	page := loginPage{
		frame: p.frame("Sign in", auth.Identity{}), Next: next,
		Typed: form.Get("username"), Remember: form.Get("remember") == "1",
	}
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return err
	}
	switch refusal.Code {
	case auth.Unauthenticated, auth.Repeated, auth.Invalid, auth.Forbidden, auth.NotFound:
		page.Problem = notSignedIn
		// Not 401: that demands a challenge, at which browsers ask by themselves.
		return p.write(w, http.StatusForbidden, p.login, page)
	case auth.Expired:
		page.Problem = passwordExpired
		return p.write(w, http.StatusForbidden, p.login, page)
	case auth.Throttled:
		page.Problem = tooManyAttempts(w, refusal)
		return p.write(w, http.StatusTooManyRequests, p.login, page)
	case auth.Unavailable:
		page.Problem = "Signing in does not work at the moment. Try again in a minute."
		return p.write(w, http.StatusServiceUnavailable, p.login, page)
	}
	return err
}

// tooManyAttempts says how long to wait, to the person and to the browser.
func tooManyAttempts(w http.ResponseWriter, refusal *auth.Error) string {
	seconds := int(math.Ceil(refusal.RetryAfter.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return "There were too many attempts. Wait " + plural(seconds, "second") + " and try again."
}

// signOut is POST /ui/logout.
func (p *pages) signOut(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if err := p.api.end(r.Context(), who); err != nil {
		return err
	}
	p.api.cookie.clear(w)
	return p.goTo(w, loginPath)
}

// showStyle serves the style sheet. Its address changes with its content.
func (p *pages) showStyle(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", styleLife)
	h.Set("ETag", `"`+p.tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.style))
	return nil
}

// goHome is GET / where no route lies.
func (p *pages) goHome(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return p.goTo(w, homePath)
}

// goTo sends the browser to a path of this origin with GET.
func (p *pages) goTo(w http.ResponseWriter, path string) error {
	p.guard(w.Header())
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (p *pages) write(w http.ResponseWriter, status int, page *template.Template, content any) error {
	var body bytes.Buffer
	if err := page.Execute(&body, content); err != nil {
		return &auth.Error{Code: auth.Internal, Reason: "the page cannot be made", Err: err}
	}
	h := w.Header()
	p.guard(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes()) // a browser that has gone needs no page
	return nil
}

// guard sets what keeps a page from being framed, guessed at, leaked by its
// address, opened from elsewhere or kept.
func (p *pages) guard(h http.Header) {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", p.referrer)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if p.public.Scheme == "https" {
		h.Set("Strict-Transport-Security", strictTransport)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
