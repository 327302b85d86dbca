package gateway

import (
	"net/url"
	"strings"
)

const (
	maxNext     = 2048 // bytes of a place to go on to
	homePath    = "/ui/"
	loginPath   = "/ui/login"
	stylePath   = "/ui/style.css"
	nextInQuery = "next"
)

// ownPath returns next, a place to go on to after signing in, if it surely is
// a path on this very origin, and homePath otherwise. Browsers read "//host",
// "/\host" and "/<tab>/host" as another host, and what a path means after
// decoding or resolving differs between them, so nothing of that kind is let
// through: only printable ASCII without backslash or fragment, one slash at
// the start, and in the path no empty segment, no dot segment, and no encoded
// slash, backslash, dot, percent sign or control character.
func ownPath(next string) string {
	if len(next) > maxNext || !strings.HasPrefix(next, "/") {
		return homePath
	}
	for i := range len(next) {
		if c := next[i]; c <= ' ' || c > '~' || c == '\\' || c == '#' {
			return homePath
		}
	}
	path, _, _ := strings.Cut(next, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || hasAmbiguousEscape(path) || strings.Contains(decoded, "//") {
		return homePath
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			return homePath
		}
	}
	if u, err := url.Parse(next); err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return homePath
	}
	return next
}

// hasAmbiguousEscape reports a %XX of a character that some reader takes for
// structure. All escapes of path are whole.
func hasAmbiguousEscape(path string) bool {
	for i := range len(path) {
		if path[i] != '%' {
			continue
		}
		switch code := strings.ToLower(path[i+1 : i+3]); code {
		case "25", "2e", "2f", "5c", "7f":
			return true
		default:
			if code < "20" { // control characters
				return true
			}
		}
	}
	return false
}

// signIn is the address of the sign-in page that leads on to next.
func signIn(next string) string {
	if next = ownPath(next); next == homePath {
		return loginPath
	}
	return loginPath + "?" + nextInQuery + "=" + url.QueryEscape(next)
}
