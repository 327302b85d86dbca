package gateway

import (
	"net/url"
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

// maskPath is a request's path and the names of its query for the log, without
// anything that may be a secret: segments in the form of a credential, what
// npm puts into a path, and every value of the query.
func maskPath(u *url.URL) string {
	path := u.Path
	if i := strings.Index(path, npmToken); i >= 0 {
		path = path[:i+len(npmToken)] + masked
	}
	path = event.Clean(auth.Mask(path), maxLogPath)
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
