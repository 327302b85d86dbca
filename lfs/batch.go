package lfs

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of a batch.
const (
	maxBatch     = 1000    // objects
	maxBatchBody = 1 << 20 // bytes

	grantBase   = 15 * time.Minute // life of the token of a batch
	grantPerMiB = time.Second      // and this much more for each MiB

	spareRoom = 16 << 20 // bytes that uploads leave free

	noRoom = "the store has no room for the object"
)

// The operations, of a batch and of git-lfs-authenticate.
const (
	opDownload = "download"
	opUpload   = "upload"
)

// opOf is the right that an operation needs.
func opOf(operation string) (op auth.Op, known bool) {
	switch operation {
	case opDownload:
		return auth.Read, true
	case opUpload:
		return auth.Write, true
	}
	return op, false
}

type batchRequest struct {
	Operation string    `json:"operation"`
	Objects   []pointer `json:"objects"`
	Transfers []string  `json:"transfers"`
	Ref       *ref      `json:"ref"` // not looked at: rights are the repository's
	HashAlgo  string    `json:"hash_algo"`
}

type ref struct {
	Name string `json:"name"`
}

type pointer struct {
	OID  string `json:"oid"`
	Size *int64 `json:"size"`
}

type batchAnswer struct {
	Transfer string        `json:"transfer"`
	Objects  []batchObject `json:"objects"`
	HashAlgo string        `json:"hash_algo"`
}

type batchObject struct {
	OID           string            `json:"oid"`
	Size          int64             `json:"size"`
	Authenticated bool              `json:"authenticated"`
	Actions       map[string]action `json:"actions,omitempty"`
	Error         *objectError      `json:"error,omitempty"`
}

type action struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header,omitempty"`
	ExpiresIn int64             `json:"expires_in,omitempty"` // whole seconds
}

type objectError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// batch answers POST objects/batch. Everything that will not change by trying
// again is said here, per object, because clients repeat a refused transfer
// nine times and show nothing. An object that the repository has needs no
// upload and gets no action; one that it has not, always does.
func (s *Store) batch(w http.ResponseWriter, r *http.Request, c call) error {
	if c.allow(auth.Write) != nil {
		// Who may not even read need not be listened to.
		if err := c.allow(auth.Read); err != nil {
			return err
		}
	}
	var req batchRequest
	if err := readJSON(w, r, maxBatchBody, &req); err != nil {
		return err
	}
	op, known := opOf(req.Operation)
	if !known {
		return refuse(http.StatusUnprocessableEntity, "the operation is download or upload")
	}
	if err := c.allow(op); err != nil {
		return err
	}
	if len(req.Objects) > maxBatch {
		return refuse(http.StatusRequestEntityTooLarge, "the batch has %d objects; at most %d are taken at once", len(req.Objects), maxBatch)
	}
	if len(req.Transfers) > 0 && !slices.Contains(req.Transfers, "basic") {
		return refuse(http.StatusUnprocessableEntity, "the transfer must be basic")
	}
	objects, total, err := s.judge(req, c.repo)
	if err != nil {
		return err
	}
	if err := s.authorize(r.Context(), objects, total, c, op); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, batchAnswer{Transfer: "basic", Objects: objects, HashAlgo: "sha256"})
}

// judge looks at each object. total is the bytes to be transferred.
func (s *Store) judge(req batchRequest, repo repository) (objects []batchObject, total int64, err error) {
	sh, err := repo.disk.shelf(repo.name)
	if err != nil {
		return nil, 0, err
	}
	defer sh.close()
	room, roomKnown := repo.disk.free()
	sizes := make(map[string]int64, len(req.Objects))
	objects = make([]batchObject, len(req.Objects)) // never null
	for i, p := range req.Objects {
		o := &objects[i]
		*o = batchObject{OID: p.OID, Authenticated: true}
		if p.Size != nil {
			o.Size = *p.Size
		}
		if o.Error = p.fault(req); o.Error != nil {
			continue
		}
		have, exists, err := sh.size(p.OID)
		if err != nil {
			return nil, 0, err
		}
		if p.Size == nil {
			o.Size = have
		}
		before, repeated := sizes[p.OID]
		sizes[p.OID] = o.Size
		switch {
		case repeated && before != o.Size:
			o.Error = &objectError{http.StatusUnprocessableEntity, "the object is there twice, with two sizes"}
		case exists && have != o.Size:
			o.Error = &objectError{http.StatusUnprocessableEntity, "the object has another size: " + strconv.FormatInt(have, 10) + " bytes"}
		case req.Operation == opDownload && !exists:
			o.Error = &objectError{http.StatusNotFound, "the repository has no such object"}
		case req.Operation == opUpload && exists:
		case req.Operation == opUpload && roomKnown && total+o.Size > room-spareRoom:
			o.Error = &objectError{http.StatusInsufficientStorage, noRoom}
		default:
			href := repo.href + "/objects/" + p.OID
			if req.Operation == opUpload {
				href += "?size=" + strconv.FormatInt(o.Size, 10)
			}
			o.Actions = map[string]action{req.Operation: {Href: href}}
			if !repeated {
				total += o.Size
			}
		}
	}
	return objects, total, nil
}

// fault is what is wrong with an object whatever the repository holds.
func (p pointer) fault(req batchRequest) *objectError {
	switch {
	case req.HashAlgo != "" && req.HashAlgo != "sha256":
		return &objectError{http.StatusConflict, "the hash algorithm must be sha256"}
	case !validOID(p.OID):
		return &objectError{http.StatusUnprocessableEntity, "the oid is not a SHA-256 in lower-case hex"}
	case p.Size == nil && req.Operation == opUpload:
		return &objectError{http.StatusUnprocessableEntity, "the size is missing"}
	case p.Size != nil && *p.Size < 0:
		return &objectError{http.StatusUnprocessableEntity, "the size is negative"}
	case p.Size != nil && *p.Size > maxObject:
		return &objectError{http.StatusUnprocessableEntity, "the object is too large: at most 1 TiB"}
	}
	return nil
}

// authorize gives all actions one token for this repository and operation,
// with time for the whole batch at 1 MiB/s. Its end is looked at when a transfer
// starts, never on the way. Somebody unknown, where the route lets them, and a
// client that shows its token by itself, transfer as they came.
func (s *Store) authorize(ctx context.Context, objects []batchObject, total int64, c call, op auth.Op) error {
	if !c.who.Known() || c.ownHeader || !slices.ContainsFunc(objects, func(o batchObject) bool { return o.Actions != nil }) {
		return nil
	}
	token, expires, err := s.grants.Grant(ctx, c.who, auth.Grant{
		Route: c.repo.route.Name,
		Repo:  c.repo.name,
		Op:    op,
		Life:  min(grantBase+time.Duration(total>>20)*grantPerMiB, auth.MaxGrant),
	})
	if err != nil {
		return err
	}
	header := map[string]string{"Authorization": "Bearer " + token.Reveal()}
	seconds := int64(expires.Sub(s.now()) / time.Second)
	for _, o := range objects {
		for name, a := range o.Actions {
			a.Header, a.ExpiresIn = header, seconds
			o.Actions[name] = a
		}
	}
	return nil
}
