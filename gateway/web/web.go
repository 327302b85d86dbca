// Package web is what a person sees: the pages under /ui/.
//
// They are made on the server, work without scripts, and load nothing from
// elsewhere; a script only shortens what a form does. Every change and every
// secret goes through the same operations of auth as the API, so a page can
// do nothing that a program with the same rights could not, and decides
// nothing: it shows what auth said.
//
// A page is a GET that changes nothing. What changes something is a POST,
// which answers 303 to a page, or, where it went wrong, with the form as it
// was typed, without secrets. A secret is in the body of an answer to a POST,
// never in an address.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

//go:embed templates static
var files embed.FS

// Config is what pages stand on.
type Config struct {
	Auth      *auth.Authority // required
	PublicURL *url.URL        // required; links are made from it
	Sessions  Sessions        // required
	Logins    Logins          // nil: nobody signs in through somebody else
	Attempts  Attempts        // required with Logins
	// StatusOf is the HTTP status that refusals of a code are answered with,
	// on pages as everywhere. Required.
	StatusOf func(auth.Code) int
	Machine  Machine // nil: nothing is shown of the daemon itself
	// SSHAddress is host and port that people connect to with SSH; empty:
	// there is no SSH.
	SSHAddress string
	Now        func() time.Time
}

// Sessions is how the browser's cookie comes and goes.
type Sessions interface {
	// Begin signs a person in and ends the session that the request came with.
	Begin(w http.ResponseWriter, r *http.Request, before auth.Identity, name string, password auth.Secret, remember bool) error
	// BeginThrough is Begin for whom a provider vouches for.
	BeginThrough(w http.ResponseWriter, r *http.Request, before auth.Identity, ext auth.External) error
	// End ends the session that the request came with, and takes the cookie away.
	End(w http.ResponseWriter, r *http.Request, who auth.Identity) error
	// Forget takes away the cookie of a session that has ended, if there is one.
	Forget(w http.ResponseWriter, r *http.Request)
}

// Machine is what the pages show of the daemon itself.
type Machine interface {
	OpenAudit(ctx context.Context) (auth.Written, error)
	// Health tells of the store, the audit trail and the services around.
	Health(ctx context.Context) []Health
}

// Health is how one part is.
type Health struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Said string `json:"said"` // a sentence
}

// Handler answers one page; it is registered as it is. It returns an error,
// with nothing written, for what it has no page of its own for.
type Handler = func(w http.ResponseWriter, r *http.Request, who auth.Identity) error

// Pages are all pages. Safe for concurrent use.
type Pages struct {
	auth      *auth.Authority
	sessions  Sessions
	logins    Logins
	attempts  Attempts
	statusOf  func(auth.Code) int
	machine   Machine
	public    *url.URL
	ssh       string
	now       func() time.Time
	templates map[string]*template.Template // by the name of the file, without .html

	style, script static
	policy        string // Content-Security-Policy

	// referrer is the policy of that name. no-referrer makes browsers send
	// forms with "Origin: null"; where they also leave out Sec-Fetch-Site, as
	// over http from another machine, nothing would tell such a form from one
	// of another site. strict-origin tells the origin and no path.
	referrer string
}

// New reads the templates, which are part of the program.
func New(c Config) *Pages {
	p := &Pages{
		auth: c.Auth, sessions: c.Sessions, logins: c.Logins, attempts: c.Attempts, statusOf: c.StatusOf, machine: c.Machine, public: c.PublicURL, ssh: c.SSHAddress, now: c.Now,
		templates: readTemplates(), referrer: "no-referrer",
		style:  readStatic("style.css", "text/css; charset=utf-8"),
		script: readStatic("app.js", "text/javascript; charset=utf-8"),
		policy: pagePolicy(c.PublicURL),
	}
	if p.now == nil {
		p.now = time.Now
	}
	if c.PublicURL.Scheme == "http" && !isLoopback(c.PublicURL.Hostname()) {
		p.referrer = "strict-origin"
	}
	return p
}

// shared are the templates that every page is made with.
var shared = []string{"templates/layout.html", "templates/parts.html"}

// readTemplates makes one set of templates per page.
func readTemplates() map[string]*template.Template {
	base := template.Must(template.New("").ParseFS(files, shared...))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	all := make(map[string]*template.Template)
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "templates/"), ".html")
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(files, path)).Lookup(name + ".html")
	}
	return all
}

// static is a file that does not change while the program runs.
type static struct {
	media, tag string
	body       []byte
}

func readStatic(name, media string) static {
	body, err := files.ReadFile("static/" + name)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(body)
	return static{media: media, body: body, tag: base64.RawURLEncoding.EncodeToString(sum[:9])}
}

// isLoopback reports a host name that is this machine.
func isLoopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}
