package lfs

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	// bufferSize is how much of a body is read, written and hashed at a time.
	bufferSize = 256 << 10
	// roomEvery is after how many bytes of an upload it is asked again whether
	// the disk has room.
	roomEvery = 1 << 20
)

// buffers is kept over requests; each uses one.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[bufferSize]byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf
	}
	return new([bufferSize]byte)
}

func (b *buffers) put(buf *[bufferSize]byte) { b.pool.Put(buf) }

// upload answers PUT objects/OID?size=N. The size is in the address that the
// batch gave; where it is not, Content-Length says it. A body of another size
// or hash is refused with 400, for it may be the line's fault and clients
// should try again. Never 422: git-lfs takes that for success, and the object
// would be lost.
func (s *Store) upload(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Write); err != nil {
		return err
	}
	size, err := declaredSize(r)
	if err != nil {
		return err
	}
	switch {
	case !identityCoded(r) || r.Header.Get("Content-Range") != "":
		return refuse(http.StatusBadRequest, "the object must be sent whole and uncompressed")
	case size > maxObject:
		return refuse(http.StatusRequestEntityTooLarge, "the object is too large: at most 1 TiB")
	case size >= 0 && (size == 0) != (c.id == emptyOID):
		return refuse(http.StatusBadRequest, "an object of this name cannot have %d bytes", size)
	}
	in, err := c.repo.disk.create()
	if err != nil {
		return err
	}
	if err := s.receive(in, r.Body, c.id, size); err != nil {
		if err := in.discard(); err != nil {
			s.log.Error("remove temporary file", "request", c.who.Peer.Request, "error", err)
		}
		return err
	}
	if err := in.keep(objectsDir(c.repo.name) + "/" + objectPath(c.id)); err != nil {
		return err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// declaredSize is the size that address and header agree on; -1 where neither
// says one.
func declaredSize(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("size")
	if text == "" {
		return r.ContentLength, nil
	}
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 {
		return 0, refuse(http.StatusBadRequest, "the size in the address is not a number")
	}
	if r.ContentLength >= 0 && r.ContentLength != size {
		return 0, refuse(http.StatusBadRequest, "the body has %d bytes, the object %d", r.ContentLength, size)
	}
	return size, nil
}

// receive writes body into the temporary file and refuses all but size bytes
// (any number where that is negative) of hash oid. It reads no more than one
// byte too many, and stops while spareRoom is left: the disk may hold more than
// objects, and no upload, asked for in a batch or not, fills it for all.
func (s *Store) receive(in *incoming, body io.Reader, oid string, size int64) error {
	limit := size
	if size < 0 {
		limit = maxObject
	}
	buf := s.buffers.get()
	defer s.buffers.put(buf)
	hash := sha256.New()
	if !in.disk.hasRoom(max(size, 0)) {
		return refuse(http.StatusInsufficientStorage, noRoom)
	}
	var got, looked int64
	for done := false; !done; {
		n, err := body.Read(buf[:min(bufferSize, limit-got+1)])
		got += int64(n)
		switch {
		case got > limit:
			return refuse(http.StatusBadRequest, "the body has more than %d bytes", limit)
		case err == io.EOF:
			done = true
		case err != nil:
			return bodyFailed(err)
		}
		if got-looked >= roomEvery {
			if looked = got; !in.disk.hasRoom(0) {
				return refuse(http.StatusInsufficientStorage, noRoom)
			}
		}
		hash.Write(buf[:n])
		if _, err := in.file.Write(buf[:n]); err != nil {
			return err
		}
	}
	if size >= 0 && got != size {
		return refuse(http.StatusBadRequest, "the body has %d bytes, the object %d", got, size)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != oid {
		return refuse(http.StatusBadRequest, "the body is not the object: its SHA-256 is %s", sum)
	}
	return nil
}
