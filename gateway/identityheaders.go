package gateway

import (
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// What an upstream is told of the caller.
const (
	userHeader      = "X-Forwarded-User"
	emailHeader     = "X-Forwarded-Email"
	groupsHeader    = "X-Forwarded-Groups"
	nameHeader      = "X-Forwarded-Name"
	assertionHeader = "X-Latchkey-Assertion"
)

// forgeable reports whether a request header says something that only the
// gateway may say, or carries a credential. Names are compared as the laxest
// upstream reads them: CGI, WSGI and PHP turn every character that is no
// letter or digit into "_", so X_Forwarded_User is X-Forwarded-User.
func forgeable(name string) bool {
	var buf [maxForgeable]byte
	folded := buf[:0]
	for i := range len(name) {
		if i == maxForgeable {
			break // longer than any exact name; prefixes are decided
		}
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			c = '-'
		}
		folded = append(folded, c)
	}
	switch string(folded) {
	case "", "authorization", "proxy-authorization", "x-authorization",
		"x-jfrog-art-api", "x-api-key",
		"forwarded", "x-forwarded", "x-request-id",
		"x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip", "x-cluster-client-ip", "client-ip", "fastly-client-ip",
		"x-original-url", "x-original-uri", "x-original-host", "x-original-method", "x-original-forwarded-for",
		"x-rewrite-url", "x-rewrite-uri", "x-host", "x-http-host-override", "x-envoy-external-address", "x-envoy-original-path",
		"x-http-method", "x-http-method-override", "x-method-override",
		"remote-user", "remote-email", "remote-name", "remote-groups", "remote-addr",
		"x-remote-user", "x-remote-email", "x-remote-group", "x-remote-groups", "x-remote-name", "x-remote-addr",
		"ssl-client-s-dn", "ssl-client-verify", "x-ssl-client-dn", "x-ssl-client-verify", "x-client-cert", "client-cert",
		"http2-settings",
		// What frames or routes a request is written by the transport; here it
		// is another spelling, as Content_Length, or a trailer.
		"content-length", "transfer-encoding", "host":
		return true
	}
	for _, prefix := range [...]string{"x-forwarded-", "x-latchkey-", "x-auth-request-", "x-webauth-", "x-remote-extra-"} {
		if strings.HasPrefix(string(folded), prefix) {
			return true
		}
	}
	return false
}

// maxForgeable is longer than every exact name that forgeable knows.
const maxForgeable = 32

// strip takes away what the client must not say to an upstream: its
// credential, our cookie, and every spelling of what we say ourselves.
func strip(h http.Header) {
	for name := range h {
		if forgeable(name) {
			delete(h, name)
		}
	}
	if lines, ok := h["Cookie"]; ok {
		if lines = withoutOurs(lines); len(lines) == 0 {
			delete(h, "Cookie")
		} else {
			h["Cookie"] = lines
		}
	}
}

// ourCookie reports a name of the session cookie, or of one of a sign-in
// elsewhere, under http or https. Case counts for browsers, and not for every
// upstream.
func ourCookie(name string) bool {
	return strings.EqualFold(name, "latchkey") || strings.EqualFold(name, "__Host-latchkey") || isAttemptCookie(name)
}

// withoutOurs removes our cookies from the lines of a Cookie header and leaves
// the others as they were written.
func withoutOurs(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		if !mayBeOurs(line) {
			out = append(out, line)
			continue
		}
		var kept []string
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if !ourCookie(strings.Trim(name, " \t\"")) {
				kept = append(kept, part)
			}
		}
		if rest := strings.Trim(strings.Join(kept, ";"), " \t"); rest != "" {
			out = append(out, rest)
		}
	}
	return out
}

// mayBeOurs reports a line that has our name in it, in any case.
func mayBeOurs(line string) bool {
	const ours = "latchkey"
	for i := 0; i+len(ours) <= len(line); i++ {
		if line[i]|0x20 == ours[0] && strings.EqualFold(line[i:i+len(ours)], ours) {
			return true
		}
	}
	return false
}

// setsOurs reports a Set-Cookie that would be stored as our cookie. Browsers
// store "=latchkey=x" without a name and send it back as "latchkey=x".
func setsOurs(line string) bool {
	pair, _, _ := strings.Cut(line, ";")
	name, value, named := strings.Cut(pair, "=")
	name = strings.Trim(name, " \t")
	if !named || name == "" {
		name, _, _ = strings.Cut(strings.Trim(value, " \t"), "=")
		name = strings.Trim(name, " \t")
		if !named {
			name = strings.Trim(pair, " \t")
		}
	}
	return ourCookie(name)
}

// tell writes what is known of who, nothing of an anonymous caller.
func tell(h http.Header, who auth.Identity) {
	if !who.Known() {
		return
	}
	set := func(name, value string) {
		if value != "" && printable(value) {
			h[name] = []string{value}
		}
	}
	set(userHeader, who.User)
	set(emailHeader, who.Email)
	set(groupsHeader, strings.Join(who.Groups, ","))
	set(nameHeader, who.Name)
}

// printable reports that s has no control character, so it fits a header.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
