package sshd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	maxLFSPath  = 1024 // bytes
	oidLength   = 64   // hexadecimal characters of a SHA-256
	opDownload  = "download"
	opUpload    = "upload"
	maxHref     = 2048    // bytes
	maxTokenLen = 8 << 10 // bytes
)

// lfsHandover is the one JSON object that git-lfs reads from stdout (git-lfs,
// docs/api/server-discovery.md). expires_in is whole seconds and wins.
type lfsHandover struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header"`
	ExpiresIn int               `json:"expires_in"`
	ExpiresAt string            `json:"expires_at"`
}

// lfsAuthenticate gives git-lfs the address of a repository over HTTP and a
// short token for it. It never exits with 127, which would send newer clients
// to a guessed address.
func lfsAuthenticate(ctx context.Context, c *call) error {
	path, op, err := parseLFS(c.line)
	if err != nil {
		return err
	}
	c.event.Set(slog.String("path", auth.Mask(path)), slog.String("operation", op))
	if c.server.cfg.LFS == nil {
		return wrong("there is no LFS here")
	}
	a, err := c.server.cfg.LFS(ctx, c.who, path, op)
	if err != nil {
		return err
	}
	left := int(a.Expires.Sub(c.server.cfg.Now()) / time.Second)
	if left <= 0 {
		return errors.New("the token for git-lfs has ended before it was handed over")
	}
	bearer, err := authorization(a.Token.Reveal())
	if err != nil {
		return err
	}
	if err := checkHref(a.Href); err != nil {
		return err
	}
	return c.json(lfsHandover{
		Href:      a.Href,
		Header:    map[string]string{"Authorization": bearer},
		ExpiresIn: left,
		ExpiresAt: a.Expires.UTC().Format(time.RFC3339),
	})
}

// lfsTransfer answers the pure SSH protocol, which git-lfs tries first, as if
// it were not there: the client goes on with git-lfs-authenticate.
func lfsTransfer(context.Context, *call) error {
	return &exit{exitUnknown, "not offered", "git-lfs-transfer is not offered, use git-lfs-authenticate"}
}

// authorization is the value of the header of that name for a token.
func authorization(token string) (string, error) {
	if token == "" || len(token) > maxTokenLen || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the token cannot stand in a header")
	}
	return "Bearer " + token, nil
}

// checkHref refuses an address that a client would misread.
func checkHref(href string) error {
	u, err := url.Parse(href)
	if err != nil || len(href) > maxHref || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is no address for git-lfs", href)
	}
	return nil
}

// parseLFS reads what follows the word git-lfs-authenticate:
//
//	PATH download|upload [OID]
//
// OID is what clients before 2.0 sent; after an operation one word of 64
// hexadecimal digits is dropped. The last word is the operation, and all before
// it the path. Clients up to 3.8.0 send it raw, blanks and quotes as they are;
// newer ones quote it for a shell when needed. So a path that begins with a
// quote is one quoted word and must end there, else it is taken as it stands.
//
// What the path means is not judged here, but that it is a path: not empty, no
// option, without "..", and printable.
func parseLFS(line string) (path, op string, err error) {
	path, op = cutLastWord(line)
	if isOID(op) {
		if before, verb := cutLastWord(path); isLFSOperation(verb) {
			path, op = before, verb
		}
	}
	switch {
	case !isLFSOperation(op):
		return "", "", wrong("git-lfs-authenticate needs a path and download or upload")
	case path == "":
		return "", "", wrong("git-lfs-authenticate needs the path of a repository")
	case path[0] == '\'' || path[0] == '"':
		if path, err = unquote(path); err != nil {
			return "", "", err
		}
	}
	return path, op, checkLFSPath(path)
}

// cutLastWord takes the last word, blanks around, off s.
func cutLastWord(s string) (before, last string) {
	s = strings.Trim(s, " \t")
	i := strings.LastIndexAny(s, " \t")
	return strings.TrimRight(s[:i+1], " \t"), s[i+1:]
}

func isLFSOperation(s string) bool { return s == opDownload || s == opUpload }

func isOID(s string) bool {
	return len(s) == oidLength && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
	})
}

func checkLFSPath(path string) error {
	switch {
	case path == "":
		return wrong("the path of the repository is empty")
	case len(path) > maxLFSPath:
		return wrong("the path has %d bytes, at most %d", len(path), maxLFSPath)
	case path[0] == '-':
		return wrong("git-lfs-authenticate takes no options")
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return wrong("the path holds a character that no path has")
	case slices.Contains(strings.Split(path, "/"), ".."):
		return wrong("the path must not contain ..")
	}
	return nil
}
