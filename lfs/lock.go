package lfs

import (
	"crypto/rand"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"
)

// Limits of locks.
const (
	maxLocks    = 10_000 // of a repository
	maxLockPath = 1024   // bytes
	maxLockID   = 64     // bytes
)

// lock is a file of a repository that only its owner should push. It holds
// for all refs.
type lock struct {
	ID       string    `json:"id"`
	Path     string    `json:"path"`
	LockedAt time.Time `json:"locked_at"` // UTC, whole seconds
	Owner    owner     `json:"owner"`
}

type owner struct {
	Name string `json:"name"`
}

func newLock(path, user string, now time.Time) lock {
	return lock{ID: strings.ToLower(rand.Text()), Path: path, LockedAt: now.UTC().Truncate(time.Second), Owner: owner{user}}
}

// validLockID reports whether s can be the id of a lock.
func validLockID(s string) bool {
	if s == "" || len(s) > maxLockID {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// checkLockPath refuses what is no path of a file in a git repository.
func checkLockPath(p string) error {
	switch {
	case p == "" || len(p) > maxLockPath:
		return refuse(http.StatusUnprocessableEntity, "the path has %d bytes; 1 to %d are taken", len(p), maxLockPath)
	case strings.ContainsFunc(p, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return refuse(http.StatusUnprocessableEntity, "the path holds a control character")
	case path.IsAbs(p) || path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../"):
		return refuse(http.StatusUnprocessableEntity, "the path is not one of a file in the repository")
	}
	return nil
}
