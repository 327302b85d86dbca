package web

import (
	"net/url"
	"strings"
)

const maxNext = 2048 // bytes of a place to go on to

// OwnPath returns next, a place to go on to after signing in, if it surely is
// a path on this very origin, and HomePath otherwise. Browsers read "//host",
// "/\host" and "/<tab>/host" as another host, and what a path means after
// decoding or resolving differs between them, so nothing of that kind is let
// through: only printable ASCII without backslash or fragment, one slash at
// the start, and in the path no empty segment, no dot segment, and no encoded
// slash, backslash, dot, percent sign or control character.
func OwnPath(next string) string {
	if len(next) > maxNext || !strings.HasPrefix(next, "/") {
		return HomePath
	}
	for i := range len(next) {
		if c := next[i]; c <= ' ' || c > '~' || c == '\\' || c == '#' {
			return HomePath
		}
	}
	path, _, _ := strings.Cut(next, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || hasAmbiguousEscape(path) || strings.Contains(decoded, "//") {
		return HomePath
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			return HomePath
		}
	}
	if u, err := url.Parse(next); err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return HomePath
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

// SignIn is the address of the sign-in page that leads on to next.
func SignIn(next string) string {
	if next = OwnPath(next); next == HomePath {
		return LoginPath
	}
	return LoginPath + "?" + NextInQuery + "=" + url.QueryEscape(next)
}
