package gateway

import (
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

const (
	masked       = "[secret]"
	maxLogPath   = 512 // bytes of a path in the log
	maxLogParams = 10  // names of a query in the log
	shortSecret  = 20  // no secret of ours is shorter
)

// npmToken is followed by a token when npm signs out.
const npmToken = "/-/user/token/"

// webLoginPlaces are parts of the paths that programs wait at for a person to
// let them in. Whoever knows the id that such a path holds can collect the
// token.
var webLoginPlaces = []string{"jfrog_client_login", "-/v1"}

// linkPlaces are parts of the paths of links that were mailed. Their keys belong
// into the query, but people and mail programs break links.
var linkPlaces = []string{"/reset", "/email"}

const linkKey = 43 // characters of base64url

// maskPath is a request's path and the names of its query for the log, without
// anything that may be a secret: segments in the form of a credential, what
// npm puts into a path, and every value of the query.
func maskPath(u *url.URL) string {
	path := u.Path
	if i := strings.Index(path, npmToken); i >= 0 {
		path = path[:i+len(npmToken)] + masked
	}
	path = event.Clean(auth.Mask(maskLink(maskWebLogin(path))), maxLogPath)
	if u.RawQuery == "" {
		return path
	}
	var b strings.Builder
	b.WriteString(path)
	left, sep := maxLogParams, byte('?')
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, valued := strings.Cut(part, "=")
		b.WriteByte(sep)
		sep = '&'
		if left--; left < 0 {
			b.WriteString("…")
			break
		}
		if len(name) >= shortSecret || !valued {
			name = masked // a value without a name, perhaps
		}
		b.WriteString(event.Clean(name, shortSecret))
		if valued {
			b.WriteString("=…")
		}
	}
	return b.String()
}

// maskWebLogin takes every UUID out of a path that a program waits at, whatever
// stands around it: a path with a slash too many is refused, and logged.
func maskWebLogin(path string) string {
	lower := strings.ToLower(path)
	if !slices.ContainsFunc(webLoginPlaces, func(place string) bool { return strings.Contains(lower, place) }) {
		return path
	}
	var b strings.Builder
	for len(path) >= len(uuidForm) {
		if isUUID(path[:len(uuidForm)]) {
			b.WriteString(masked)
			path = path[len(uuidForm):]
			continue
		}
		b.WriteByte(path[0])
		path = path[1:]
	}
	return b.String() + path
}

// maskLink takes every key out of a path that a mailed link could lead to.
func maskLink(path string) string {
	lower := strings.ToLower(path)
	if !slices.ContainsFunc(linkPlaces, func(place string) bool { return strings.Contains(lower, place) }) {
		return path
	}
	var b strings.Builder
	for path != "" {
		n := 0
		for n < len(path) && isBase64URL(path[n]) {
			n++
		}
		if n >= linkKey {
			b.WriteString(masked)
		} else {
			n = max(n, 1)
			b.WriteString(path[:n])
		}
		path = path[n:]
	}
	return b.String()
}

func isBase64URL(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '_'
}

const uuidForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" // RFC 9562 section 4

// isUUID reports whether s, of the length of uuidForm, is a UUID of any version.
func isUUID(s string) bool {
	for i := range len(uuidForm) {
		c := s[i]
		if uuidForm[i] == '-' && c != '-' || uuidForm[i] == 'x' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
