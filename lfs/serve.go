package lfs

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// call is one request after its address was read.
type call struct {
	who  auth.Identity
	repo repository
	id   string // OID or lock id of the address

	// ownHeader: the client shows the same Authorization in all it sends.
	ownHeader bool
}

// showsItself reports a client that was told what to put into each request
// (git's http.extraHeader): beside that, the header of an action would be a
// second Authorization. Bearer is told so, but for the short tokens that we
// gave it ourselves, for the batch alone.
func showsItself(h http.Header, who auth.Identity) bool {
	scheme, _, _ := strings.Cut(h.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && who.Via.Kind != auth.KindGrant
}

// allow asks whether the caller may do op in the repository. It comes before
// anything is read from disk, so those without right cannot tell whether a
// repository exists.
func (c call) allow(op auth.Op) error {
	return auth.Allow(c.who, c.repo.route, c.repo.name, op)
}

// ServeAs answers a request of who to any LFS route or to
// /artifactory/api/lfs/. What concerns identity and rights is returned as an
// *auth.Error, with nothing written; all else is answered here.
//
// Needed are: Read for a batch of operation download, GET and HEAD of objects
// and the list of locks; Write for everything else, locks/verify included,
// which clients ask before a push. To unlock somebody else's lock by force
// takes an administrator.
func (s *Store) ServeAs(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	err := s.serve(w, r, who)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*auth.Error](err); ok {
		return err
	}
	refused, ok := errors.AsType[*refusal](err)
	switch {
	case ok:
	case full(err):
		refused = &refusal{status: http.StatusInsufficientStorage, message: "the store is full"}
	default:
		refused = &refusal{status: http.StatusInternalServerError, message: "the store could not do this; its log says why"}
		s.log.LogAttrs(r.Context(), slog.LevelError, "lfs request failed", slog.String("request", who.Peer.Request), slog.Any("error", err))
	}
	return refused.write(w, who.Peer.Request)
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if r.URL.RawPath != "" {
		// No name of ours needs an escape.
		return refuse(http.StatusNotFound, "%v", errAddress)
	}
	repo, resource, err := s.routes.Load().parseURL(r.Host, r.URL.Path)
	if err != nil {
		return refuse(http.StatusNotFound, "%v", err)
	}
	shape, id := shapeOf(resource)
	c := call{who: who, repo: repo, id: id, ownHeader: showsItself(r.Header, who)}
	switch r.Method + " " + shape {
	case "POST objects/batch":
		return s.batch(w, r, c)
	case "POST objects/verify":
		return s.verify(w, r, c)
	case "GET objects/OID", "HEAD objects/OID":
		return s.download(w, r, c)
	case "PUT objects/OID":
		return s.upload(w, r, c)
	case "GET locks", "HEAD locks":
		return s.listLocks(w, r, c)
	case "POST locks":
		return s.createLock(w, r, c)
	case "POST locks/verify":
		return s.verifyLocks(w, r, c)
	case "POST locks/ID/unlock":
		return s.unlock(w, r, c)
	}
	switch shape {
	case "":
		return refuse(http.StatusNotFound, "there is no such resource in the Git LFS API")
	case "objects/OID":
		return &refusal{status: http.StatusMethodNotAllowed, message: "the method is GET, HEAD or PUT", allow: "GET, HEAD, PUT"}
	case "locks":
		return &refusal{status: http.StatusMethodNotAllowed, message: "the method is GET, HEAD or POST", allow: "GET, HEAD, POST"}
	}
	return &refusal{status: http.StatusMethodNotAllowed, message: "the method is POST", allow: "POST"}
}

// shapeOf tells the resource of an address, and the OID or lock id in it.
func shapeOf(resource []string) (shape, id string) {
	switch n := len(resource); {
	case n == 2 && resource[0] == "objects" && (resource[1] == "batch" || resource[1] == "verify"):
		return "objects/" + resource[1], ""
	case n == 2 && resource[0] == "objects" && validOID(resource[1]):
		return "objects/OID", resource[1]
	case n == 1 && resource[0] == "locks":
		return "locks", ""
	case n == 2 && resource[0] == "locks" && resource[1] == "verify":
		return "locks/verify", ""
	case n == 3 && resource[0] == "locks" && resource[2] == "unlock" && validLockID(resource[1]):
		return "locks/ID/unlock", resource[1]
	}
	return "", ""
}
