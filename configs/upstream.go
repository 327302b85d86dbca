package configs

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// UpstreamKind is the way to an upstream.
type UpstreamKind string

const (
	UpstreamLFS  UpstreamKind = "lfs"  // the built-in store in the folder Dir
	UpstreamHTTP UpstreamKind = "http" // URL, over http, https or h2c
	UpstreamUnix UpstreamKind = "unix" // HTTP on the socket Socket, below the path Prefix
)

// Upstream is a route's upstream, read. Fields that its Kind does not name are
// empty.
type Upstream struct {
	Kind   UpstreamKind
	Dir    string
	URL    *url.URL
	Socket string
	Prefix string // "" or a clean path that begins with a slash
}

// ParseUpstream reads lfs:DIR, http://…, https://…, h2c://…, unix:PATH and
// unix:PATH:/prefix. Its errors do not repeat the value, which may hold a
// password by mistake.
func ParseUpstream(s string) (Upstream, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "lfs":
		if rest == "" {
			return Upstream{}, errors.New("needs a folder after lfs:, as lfs:./data/lfs")
		}
		return Upstream{Kind: UpstreamLFS, Dir: filepath.Clean(rest)}, nil
	case "unix":
		return parseUnix(rest)
	case "http", "https", "h2c":
		return parseHTTPUpstream(s)
	}
	return Upstream{}, errors.New("takes lfs:DIR, http://…, https://…, h2c://… or unix:PATH")
}

func parseUnix(rest string) (Upstream, error) {
	socket, prefix, _ := strings.Cut(rest, ":")
	switch {
	case socket == "" || strings.HasSuffix(socket, "/") || strings.HasPrefix(socket, "//"):
		return Upstream{}, errors.New("needs the path of a socket after unix:, as unix:/run/app.sock or unix:/run/app.sock:/prefix")
	case prefix != "" && badPath(strings.TrimSuffix(prefix, "/")+"/") != "":
		return Upstream{}, errors.New("has a path after the socket that is not a clean path beginning with a slash")
	}
	return Upstream{Kind: UpstreamUnix, Socket: filepath.Clean(socket), Prefix: strings.TrimSuffix(prefix, "/")}, nil
}

func parseHTTPUpstream(s string) (Upstream, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return Upstream{}, errors.New("takes a scheme, a host and perhaps a port and path, as http://127.0.0.1:3000")
	case u.User != nil:
		return Upstream{}, errors.New("must not have a user or a password in it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return Upstream{}, errors.New("must not have a query or a fragment")
	case u.Path != "" && (u.RawPath != "" || badPath(strings.TrimSuffix(u.Path, "/")+"/") != ""):
		return Upstream{}, errors.New("has a path that is not clean")
	}
	if text := checkURLHost(u); text != "" {
		return Upstream{}, errors.New(text)
	}
	return Upstream{Kind: UpstreamHTTP, URL: u}, nil
}

// ownDoor says how u leads back into the daemon itself, which would let a
// route hand out what its listeners keep for others.
func (c *Config) ownDoor(u Upstream) string {
	switch u.Kind {
	case UpstreamLFS:
		if dir, data := realPath(u.Dir), realPath(c.DataDir); within(data, dir) {
			return "would keep objects among Latchkey's own keys and records; name a folder of its own, as lfs:" + filepath.Join(c.DataDir, "lfs")
		}
	case UpstreamUnix:
		if samePath(u.Socket, c.Socket()) {
			return "is the daemon's own socket, which makes everybody an administrator"
		}
	case UpstreamHTTP:
		port := urlPort(u.URL)
		for _, l := range c.listeners() {
			i := strings.LastIndexByte(l.address, ':')
			if i < 0 || portNumber(l.address[i+1:]) != port {
				continue
			}
			host := strings.Trim(l.address[:i], "[]")
			if reaches(u.URL.Hostname(), host) {
				return "is the daemon's own address, " + l.path
			}
		}
		public, err := url.Parse(c.HTTP.PublicURL)
		if err == nil && strings.EqualFold(public.Hostname(), u.URL.Hostname()) && urlPort(public) == port {
			return "is the daemon's own address, http.public_url"
		}
	}
	return ""
}

// within is true when path is dir or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// samePath is true when both names are one file, links followed.
func samePath(a, b string) bool {
	if realPath(a) == realPath(b) {
		return true
	}
	ai, errA := os.Stat(a)
	bi, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ai, bi)
}

// realPath is path made absolute, with the links of its deepest existing
// folder followed.
func realPath(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	rest := ""
	for dir := abs; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return abs
		}
		dir, rest = up, filepath.Join(filepath.Base(dir), rest)
	}
}
