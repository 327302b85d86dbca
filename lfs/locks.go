package lfs

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of one page of locks.
const (
	lockPage    = 100
	maxLockPage = 1000
)

type lockAnswer struct {
	Lock    lock   `json:"lock"`
	Message string `json:"message,omitempty"` // with 409
}

type lockList struct {
	Locks []lock `json:"locks"`
	Next  string `json:"next_cursor,omitempty"`
}

type lockVerification struct {
	Ours   []lock `json:"ours"`
	Theirs []lock `json:"theirs"`
	Next   string `json:"next_cursor,omitempty"`
}

// taken is the error of a path that is locked already.
type taken struct{ lock lock }

func (taken) Error() string { return "the path is locked already" }

// createLock answers POST locks, {path, ref}: 201 with the lock, or 409 with
// the one that is there.
func (s *Store) createLock(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Write); err != nil {
		return err
	}
	if !c.who.Known() {
		return &auth.Error{Code: auth.Unauthenticated, Reason: "a lock needs an owner"}
	}
	var req struct {
		Path string `json:"path"`
		Ref  *ref   `json:"ref"` // not kept: a lock holds for all refs
	}
	if err := readJSON(w, r, maxSmallBody, &req); err != nil {
		return err
	}
	if err := checkLockPath(req.Path); err != nil {
		return err
	}
	l := newLock(req.Path, c.who.User, s.now())
	err := c.repo.disk.changeLocks(c.repo.name, func(file *lockFile) error {
		for _, held := range file.Locks {
			if held.Path == l.Path {
				return taken{held.lock}
			}
		}
		if len(file.Locks) >= maxLocks {
			return refuse(http.StatusInsufficientStorage, "the repository has %d locks; unlock some first", maxLocks)
		}
		file.Last++
		file.Locks = append(file.Locks, heldLock{l, file.Last})
		return nil
	})
	if t, ok := errors.AsType[taken](err); ok {
		return writeJSON(w, http.StatusConflict, lockAnswer{Lock: t.lock, Message: t.Error()})
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, lockAnswer{Lock: l})
}

// listLocks answers GET locks?path&id&cursor&limit. refspec is passed over: a
// lock holds for all refs.
func (s *Store) listLocks(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Read); err != nil {
		return err
	}
	query := r.URL.Query()
	path, id := query.Get("path"), query.Get("id")
	limit := 0
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil {
			return refuse(http.StatusBadRequest, "the limit is not a number")
		}
	}
	page, next, err := c.page(query.Get("cursor"), limit, func(l lock) bool {
		return (path == "" || l.Path == path) && (id == "" || l.ID == id)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, lockList{Locks: page, Next: next})
}

// verifyLocks answers POST locks/verify, {ref, cursor, limit}: the locks of
// the caller and those of others, which a push must leave alone.
func (s *Store) verifyLocks(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Write); err != nil {
		return err
	}
	var req struct {
		Ref    *ref   `json:"ref"`
		Cursor string `json:"cursor"`
		Limit  int    `json:"limit"`
	}
	if err := readJSON(w, r, maxSmallBody, &req); err != nil {
		return err
	}
	page, next, err := c.page(req.Cursor, req.Limit, func(lock) bool { return true })
	if err != nil {
		return err
	}
	v := lockVerification{Ours: []lock{}, Theirs: []lock{}, Next: next}
	for _, l := range page {
		if c.owns(l) {
			v.Ours = append(v.Ours, l)
		} else {
			v.Theirs = append(v.Theirs, l)
		}
	}
	return writeJSON(w, http.StatusOK, v)
}

// unlock answers POST locks/ID/unlock, {force, ref}, with the lock that is no
// more. The id is looked for in this repository alone.
func (s *Store) unlock(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Write); err != nil {
		return err
	}
	var req struct {
		Force bool `json:"force"`
		Ref   *ref `json:"ref"`
	}
	if err := readJSON(w, r, maxSmallBody, &req); err != nil {
		return err
	}
	var gone lock
	err := c.repo.disk.changeLocks(c.repo.name, func(file *lockFile) error {
		i := slices.IndexFunc(file.Locks, func(l heldLock) bool { return l.ID == c.id })
		if i < 0 {
			return refuse(http.StatusNotFound, "the repository has no such lock")
		}
		gone = file.Locks[i].lock
		if !c.owns(gone) {
			if !req.Force {
				return &auth.Error{Code: auth.Forbidden, Reason: "the lock is of " + gone.Owner.Name + "; an administrator can unlock it with --force"}
			}
			if !c.who.Admin {
				return &auth.Error{Code: auth.Forbidden, Reason: "the lock is of " + gone.Owner.Name + "; only an administrator can unlock it by force"}
			}
		}
		file.Locks = slices.Delete(file.Locks, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, lockAnswer{Lock: gone})
}

func (c call) owns(l lock) bool { return c.who.Known() && l.Owner.Name == c.who.User }

// page is up to limit locks after cursor that match; never nil. next is empty
// on the last page.
func (c call) page(cursor string, limit int, match func(lock) bool) (page []lock, next string, err error) {
	var after uint64
	if cursor != "" {
		if after, err = strconv.ParseUint(cursor, 10, 64); err != nil {
			return nil, "", refuse(http.StatusBadRequest, "the cursor is none of ours")
		}
	}
	if limit <= 0 {
		limit = lockPage
	}
	limit = min(limit, maxLockPage)
	file, err := c.repo.disk.locks(c.repo.name)
	if err != nil {
		return nil, "", err
	}
	page = []lock{}
	var last uint64
	for _, l := range file.Locks {
		if l.Number <= after || !match(l.lock) {
			continue
		}
		if len(page) == limit {
			return page, strconv.FormatUint(last, 10), nil
		}
		page, last = append(page, l.lock), l.Number
	}
	return page, "", nil
}
