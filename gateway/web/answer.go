package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	// StrictTransport is a year of https alone (RFC 6797), for this host only:
	// what other hosts of the domain do is not ours to say.
	StrictTransport = "max-age=31536000"

	staticLife = "public, max-age=86400"
)

// unturned takes characters out that change in which direction, or on which
// line, what stands beside them is read (Unicode TR 9 §2.1-2.4, CVE-2021-42574):
// the bidirectional embeddings, overrides and isolates, and the separators of
// lines and paragraphs. No template has any, so they stand in what somebody
// typed, or a program called itself, to make the words of a page read otherwise.
var unturned = strings.NewReplacer(
	"\u202a", "", "\u202b", "", "\u202c", "", "\u202d", "", "\u202e", "",
	"\u2066", "", "\u2067", "", "\u2068", "", "\u2069", "", "\u2028", "", "\u2029", "",
)

// pagePolicy lets pages at origin load the one style sheet and the one script,
// send forms to their own origin, and nothing else. What else lies on the origin
// may be a file that somebody stored behind a route, and is no script of ours:
// so both are named, but where the host is an address, which a policy cannot
// name (CSP Level 3, "host-part matches"). No script may be made from text.
func pagePolicy(origin *url.URL) string {
	style, script := "'self'", "'self'"
	if host := origin.Hostname(); host != "" && strings.Trim(host, "0123456789.") != "" && !strings.ContainsFunc(host, isNoHostCharacter) {
		style, script = origin.Scheme+"://"+origin.Host+stylePath, origin.Scheme+"://"+origin.Host+scriptPath
	}
	return "default-src 'none'; style-src " + style + "; script-src " + script + "; connect-src 'self'; img-src data:; form-action 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// isNoHostCharacter reports a character that no host in a policy has (CSP
// Level 3 §2.3.1).
func isNoHostCharacter(c rune) bool {
	return (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.'
}

// write answers with a page; name is its template's.
func (p *Pages) write(w http.ResponseWriter, status int, name string, content any) error {
	var body bytes.Buffer
	if err := p.templates[name].Execute(&body, content); err != nil {
		return &auth.Error{Code: auth.Internal, Reason: "the page cannot be made", Err: err}
	}
	h := w.Header()
	p.guard(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	unturned.WriteString(w, body.String()) // a browser that has gone needs no page
	return nil
}

// goTo sends the browser to a path of this origin with GET.
func (p *Pages) goTo(w http.ResponseWriter, path string) error {
	p.guard(w.Header())
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// guard sets what keeps a page from being framed, guessed at, leaked by its
// address, opened from elsewhere or kept.
func (p *Pages) guard(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", p.referrer)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if p.public.Scheme == "https" {
		h.Set("Strict-Transport-Security", StrictTransport)
	}
}

// Style serves the style sheet. Its address changes with its content.
func (p *Pages) Style(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	return p.style.serve(w, r)
}

// Script serves the script. Its address changes with its content.
func (p *Pages) Script(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
	return p.script.serve(w, r)
}

func (s static) serve(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", s.media)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", staticLife)
	h.Set("ETag", `"`+s.tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
	return nil
}
