package lfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// download answers GET and HEAD objects/OID, whole or in ranges (RFC 9110
// §14). The file is handed over as it is, so that the kernel can send it.
func (s *Store) download(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Read); err != nil {
		return err
	}
	var content io.ReadSeeker = bytes.NewReader(nil)
	if c.id != emptyOID {
		f, err := c.repo.disk.root.Open(objectsDir(c.repo.name) + "/" + objectPath(c.id))
		if errors.Is(err, fs.ErrNotExist) {
			return refuse(http.StatusNotFound, "the repository has no such object")
		}
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil {
			return err
		} else if !info.Mode().IsRegular() {
			return fmt.Errorf("object %s is not a file", c.id)
		}
		content = f
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-transform")
	h.Set("ETag", `"`+c.id+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// maxSmallBody bounds the bodies of all requests but batches, in bytes.
const maxSmallBody = 16 << 10

// verify answers POST objects/verify, {oid, size}. Batch answers do not offer
// it, for uploads are verified when they are answered; it is there for clients
// that ask on their own.
func (s *Store) verify(w http.ResponseWriter, r *http.Request, c call) error {
	if err := c.allow(auth.Write); err != nil {
		return err
	}
	var p pointer
	if err := readJSON(w, r, maxSmallBody, &p); err != nil {
		return err
	}
	if !validOID(p.OID) || p.Size == nil {
		return refuse(http.StatusBadRequest, "oid and size are needed")
	}
	sh, err := c.repo.disk.shelf(c.repo.name)
	if err != nil {
		return err
	}
	defer sh.close()
	switch size, exists, err := sh.size(p.OID); {
	case err != nil:
		return err
	case !exists:
		return refuse(http.StatusNotFound, "the repository has no such object")
	case size != *p.Size:
		return refuse(http.StatusConflict, "the object has another size: %d bytes", size)
	}
	return writeJSON(w, http.StatusOK, p)
}
