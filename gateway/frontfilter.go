package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// maxDecodings is how often a path is decoded to see what it may become: an
// upstream decodes once, a careless one behind a careless proxy twice.
const maxDecodings = 4

// knownMethod lists what may pass: HTTP's own but CONNECT and TRACE, and
// WebDAV's, which Subversion and file servers need. Those are writes.
func knownMethod(m string) bool {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions,
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH":
		return true
	}
	return false
}

// reads reports that a method counts as reading.
func reads(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

const allowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// Codes of refusals that have nothing to do with identity.
const (
	codeMethod  auth.Code = "method_not_allowed"
	codeNoRoute auth.Code = "no_route"
)

// checkRequest refuses what could mean something else to whoever reads the
// request after us. It looks at nothing that a configuration says.
func checkRequest(r *http.Request) error {
	if !knownMethod(r.Method) {
		return &auth.Error{Code: codeMethod, Reason: "this method is not served here"}
	}
	if h, ok := r.Header["Host"]; ok && (len(h) != 1 || h[0] != r.Host) {
		// HTTP/2 keeps it beside :authority.
		return malformed("the request names two hosts")
	}
	if r.ProtoMajor >= 2 && r.ContentLength == 0 {
		if n := r.Header["Content-Length"]; len(n) > 0 && (len(n) > 1 || n[0] != "0") {
			return malformed("the request has no body, but a length")
		}
	}
	for i := range len(r.RequestURI) {
		// HTTP/2 carries what a request line of HTTP/1 cannot.
		if c := r.RequestURI[i]; c <= ' ' || c == 0x7f {
			return malformed("the request target has a blank or a control character")
		}
	}
	if r.URL.Opaque != "" || r.URL.User != nil || r.URL.Fragment != "" || strings.IndexByte(r.RequestURI, '#') >= 0 {
		return malformed("the request target is not a plain path")
	}
	if r.URL.Path == "*" && r.Method == http.MethodOptions {
		return &auth.Error{Code: codeNoRoute, Reason: "there is nothing here"}
	}
	return checkPath(r.URL)
}

// isPlainPath reports that no reader could take p for another path: it begins
// with a slash, has no empty or dot segment and none of % ; \ and controls.
func isPlainPath(p string) bool {
	if len(p) == 0 || p[0] != '/' {
		return false
	}
	for i := range len(p) {
		switch c := p[i]; {
		case c == '%' || c == ';' || c == '\\' || c < ' ' || c == 0x7f:
			return false
		case c == '/' && i > 0 && p[i-1] == '/':
			return false
		case c == '.' && p[i-1] == '/':
			// "/." and "/..", but not "/.well-known".
			rest := p[i+1:]
			rest = strings.TrimPrefix(rest, ".")
			if rest == "" || rest[0] == '/' {
				return false
			}
		}
	}
	return true
}

// checkPath refuses paths that lead elsewhere after one more decoding, after
// dropping ;parameters, or on a system where "\" separates:
//
//	/a/../b  /a/%2e%2e/b  /a/..%2fb  /a/%252e%252e/b  /a\..\b  /a/..;x/b
//	/a//b    /a/;x/b      /a%00b
//
// What passes goes on exactly as it was sent: %2F within a segment,
// ;matrix=parameters, ":" and "@" and any other text.
func checkPath(u *url.URL) error {
	if isPlainPath(u.Path) && u.RawPath == "" {
		return nil
	}
	return checkViews(u.EscapedPath(), nil)
}

// checkViews walks over what an escaped path may be taken for: with %2F kept,
// decoded, decoded again until nothing changes, each with and without
// ;parameters. It refuses those that no two readers agree on. see, unless nil,
// is shown each view and may refuse as well.
func checkViews(escaped string, see func(view string) error) error {
	view := keepSlashes(escaped)
	for range maxDecodings {
		if err := checkView(view); err != nil {
			return err
		}
		if see != nil {
			if err := see(view); err != nil {
				return err
			}
			if strings.IndexByte(view, ';') >= 0 {
				if err := see(withoutParameters(view)); err != nil {
					return err
				}
			}
		}
		next, err := url.PathUnescape(view)
		if err != nil || next == view {
			// A percent sign that decodes no further, as in /100%, is text.
			return nil
		}
		view = next
	}
	return malformed("the path is encoded too often")
}

// keepSlashes decodes once, but for %2F and %25.
func keepSlashes(escaped string) string {
	if strings.IndexByte(escaped, '%') < 0 {
		return escaped
	}
	out := make([]byte, 0, len(escaped))
	for i := 0; i < len(escaped); i++ {
		if escaped[i] == '%' && i+2 < len(escaped) {
			high, ok1 := hexDigit(escaped[i+1])
			low, ok2 := hexDigit(escaped[i+2])
			if c := high<<4 | low; ok1 && ok2 && c != '/' && c != '%' {
				out = append(out, c)
				i += 2
				continue
			}
		}
		out = append(out, escaped[i])
	}
	return string(out)
}

func checkView(p string) error {
	if p == "" || p[0] != '/' {
		return malformed("the path does not begin with a slash")
	}
	for i := range len(p) {
		switch c := p[i]; {
		case c == '\\':
			return malformed("the path has a backslash")
		case c < ' ' || c == 0x7f:
			return malformed("the path has a control character")
		}
	}
	rest := p[1:]
	for {
		segment, after, more := strings.Cut(rest, "/")
		name, _, parameters := strings.Cut(segment, ";")
		switch {
		case name == "." || name == "..":
			return malformed("the path has a dot segment")
		case name == "" && more && parameters:
			return malformed("the path has a segment of parameters alone")
		case name == "" && more:
			return malformed("the path has an empty segment")
		}
		if !more {
			return nil
		}
		rest = after
	}
}

// withoutParameters cuts each segment at its first semicolon, as servlet
// containers do before they look for a handler.
func withoutParameters(p string) string {
	out := make([]byte, 0, len(p))
	in := false
	for i := range len(p) {
		switch p[i] {
		case '/':
			in = false
		case ';':
			in = true
		}
		if !in {
			out = append(out, p[i])
		}
	}
	return string(out)
}

// hostOf is a Host as a key: lower case, without port and final dot. ok is
// false for what is no host at all.
func hostOf(hostport string) (host string, ok bool) {
	host = hostport
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 || !isPort(host[end+1:]) {
			return "", false
		}
		return strings.ToLower(host[:end+1]), true
	}
	if i := strings.IndexByte(host, ':'); i >= 0 {
		if !isPort(host[i:]) {
			return "", false
		}
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	lower := true
	for i := range len(host) {
		c := host[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_':
		case 'A' <= c && c <= 'Z':
			lower = false
		default:
			return "", false
		}
	}
	if !lower {
		host = strings.ToLower(host)
	}
	return host, host != ""
}

// isPort reports "" or ":" and digits.
func isPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) > 6 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
